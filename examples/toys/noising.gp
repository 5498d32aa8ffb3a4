# gnuplot -c noising.gp OUT TOY...: the clouds of out/TOY-noising.csv at their six times.
set terminal pngcairo size 1200, 420
set output ARG1
set datafile separator ","
times = "0 0.05 0.1 0.2 0.4 1"
set multiplot layout 2, 6 margins 0.01, 0.99, 0.02, 0.92 spacing 0.01, 0.09
set size ratio -1
unset key; unset tics
do for [toy in ARG2." ".ARG3] {
  size = toy eq "checkerboard" ? 5 : 3
  set xrange [-size:size]; set yrange [-size:size]
  do for [time in times] {
    set title "t = ".time
    plot "out/".toy."-noising.csv" using (abs($2 - time) < 1e-9 ? $3 : NaN):4 every ::1 with dots lc rgb "#1f4e79"
  }
}
