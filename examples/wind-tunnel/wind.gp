# gnuplot -c wind.gp DIRECTORY OUT.png SIGMA...: solvers without gusts, then a hundred ways in gusts of each strength.
set terminal pngcairo size 900,580 font "DejaVu Sans,11"
set output ARG2
set multiplot layout 2,2
set border 3
set tics nomirror
set key bottom right samplen 2
set xlabel "t"
set xrange [0:10]
exact = ARG1 . "/exact.txt"
set datafile separator ","
way(method) = ARG1 . "/drawn-" . method . ".csv"
set title "no gusts"
set yrange [0:1.8]
plot exact using (word(strcol(1), 1) + 0):(word(strcol(1), 2) + 0) with lines lw 2 lc rgb "black" title "exact", \
     way("euler-1") skip 1 using 2:3 with linespoints lc rgb "#d94801" pt 7 ps 0.6 title "Euler, step 1", \
     way("euler-0.1") skip 1 using 2:3 with points lc rgb "#d94801" pt 7 ps 0.25 title "Euler, step 0.1", \
     way("heun-1") skip 1 using 2:3 with linespoints lc rgb "#2171b5" pt 5 ps 0.6 title "Heun, step 1"
unset key
set yrange [-3:5]
do for [i = 3:ARGC] {
  sigma = value("ARG" . i) + 0
  set title "sigma = " . value("ARG" . i)
  # A blank line between paths lifts the pen.
  plot "< awk -F, 'NR > 2 && $1 != last { print \"\" } { last = $1; print }' " . ARG1 . "/sde-" . value("ARG" . i) . ".csv" \
         skip 1 using 2:3 with lines lw 0.5 lc rgb "#6baed6", \
       exact using (word(strcol(1), 1) + 0):(word(strcol(1), 2) + 0) with lines lw 2 lc rgb "black", \
       for [side in "-1.96 1.96"] exact using (word(strcol(1), 1) + 0):(word(strcol(1), 2) + side*sigma*word(strcol(1), 3)) \
         with lines lw 1.5 dt 2 lc rgb "black"
}
