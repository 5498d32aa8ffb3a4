# gnuplot -c bias.gp TABLE OUT.png: estimates of kappa and sigma against the step, with two standard errors.
set terminal pngcairo size 960,400 font "DejaVu Sans,11"
set output ARG2
set multiplot layout 1,2
set logscale x
set xtics ("1/52" 1.0/52, "1/12" 1.0/12, "1/4" 0.25, "1" 1) nomirror
set ytics nomirror
set border 3
set xlabel "step"
set xrange [0.015:1.4]
densities = "exact ait-sahalia shoji-ozaki kessler euler"
step(s) = 1.0/real(substr(s, 3, strlen(s)))
set ylabel "kappa"
set key bottom left
plot 1 with lines lc rgb "#888888" dt 2 notitle, \
  for [i=1:words(densities)] ARG1 using (strcol(2) eq word(densities, i) ? step(strcol(1))*(1 + 0.05*(i - 3.5)) : NaN):3:(2*$4) with yerrorbars lc i pt 7 ps 0.8 title word(densities, i)
unset key
set ylabel "sigma"
plot 0.15 with lines lc rgb "#888888" dt 2 notitle, \
  for [i=1:words(densities)] ARG1 using (strcol(2) eq word(densities, i) ? step(strcol(1))*(1 + 0.05*(i - 3.5)) : NaN):7:(2*$8) with yerrorbars lc i pt 7 ps 0.8 notitle
