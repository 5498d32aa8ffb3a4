# awk -F, -v kind=gaussian|scott|loo -f rivals.awk train.csv
# One Gaussian with the mean and covariance S of the data, or their kernel density estimate: the mixture of a Gaussian
# around every datum with covariance h^2 S, where h is Scott's n^(-1/(D+4)) or the h with the largest leave-one-out
# likelihood. Written as an analytic score document. beta_max is twice the usual, so that the process forgets data that
# are not normalised (waiting times are about 70).
NR > 1 {
  x[++n] = $1; y[n] = $2
  sx += $1; sy += $2; sxx += $1 * $1; sxy += $1 * $2; syy += $2 * $2
}
function matrix(factor) {
  return sprintf("[[%.12g, %.12g], [%.12g, %.12g]]", factor * vx, factor * vxy, factor * vxy, factor * vy)
}
# Log-likelihood of every datum under the estimate from the others, up to a constant.
function leave_one_out(h,    i, j, dx, dy, sum, total) {
  for (i = 1; i <= n; i++) {
    sum = 0
    for (j = 1; j <= n; j++)
      if (j != i) {
        dx = x[i] - x[j]; dy = y[i] - y[j]
        sum += exp(-(vy * dx * dx - 2 * vxy * dx * dy + vx * dy * dy) / (2 * h * h * det))
      }
    total += log(sum + 1e-300) - 2 * log(h)
  }
  return total
}
END {
  mx = sx / n; my = sy / n
  vx = (sxx - n * mx * mx) / (n - 1); vxy = (sxy - n * mx * my) / (n - 1); vy = (syy - n * my * my) / (n - 1)
  det = vx * vy - vxy * vxy
  printf "{\"process\": {\"type\": \"vp\", \"beta_max\": 40},\n \"score\": "
  if (kind == "gaussian") {
    printf "{\"type\": \"gaussian\", \"mean\": [%.12g, %.12g], \"covariance\": %s}}\n", mx, my, matrix(1)
    exit
  }
  h = exp(-log(n) / 6)
  if (kind == "loo") {
    best = -1e300
    for (k = 4; k <= 50; k++) {
      value = leave_one_out(k / 100)
      if (value > best) { best = value; h = k / 100 }
    }
  }
  printf "{\"type\": \"gaussian_mixture\",\n  \"weights\": ["
  for (i = 1; i <= n; i++) printf("%s1", (i > 1 ? ", " : ""))
  printf "],\n  \"means\": ["
  for (i = 1; i <= n; i++) printf("%s[%.12g, %.12g]", (i > 1 ? ", " : ""), x[i], y[i])
  printf "],\n  \"covariances\": ["
  for (i = 1; i <= n; i++) printf("%s%s", (i > 1 ? ", " : ""), matrix(h * h))
  print "]}}"
}
