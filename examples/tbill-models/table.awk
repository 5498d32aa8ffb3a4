# The models by AIC, with Hansen's J of the moments beside them.
NR == FNR { degrees[$1] = $2; j[$1] = $3; p[$1] = $4; next }
FNR == 1 {
  FS = ","
  printf "%-17s %-11s %2s %10s %10s %7s %7s %7s %7s %7s\n", "model", "density", "k", "loglik", "AIC", "dAIC", "weight", "PIT p", "J", "J p"
  next
}
{
  printf "%-17s %-11s %2d %10.4f %10.4f %7.2f %7.3f %7.4f", $2, $3, $5, $6, $7, $10, $11, $12
  if (degrees[$2] > 0) printf " %7.2f %7.4f\n", j[$2], p[$2]
  else printf " %7s %7s\n", "-", "-"
}
