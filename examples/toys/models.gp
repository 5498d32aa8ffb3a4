# gnuplot -c models.gp OUT TOY...: samples of the three models by 2 and by 100 steps of Euler's method.
set terminal pngcairo size 1200, 420
set output ARG1
set datafile separator ","
set multiplot layout 2, 6 margins 0.01, 0.99, 0.02, 0.92 spacing 0.01, 0.09
set size ratio -1
unset key; unset tics
do for [toy in ARG2." ".ARG3] {
  size = toy eq "checkerboard" ? 5 : 2
  set xrange [-size:size]; set yrange [-size:size]
  do for [steps in "2 100"] {
    do for [model in "vp flow reflow"] {
      set title model.", ".steps." steps"
      plot "out/".toy."-".model."-".steps.".csv" using 2:3 every ::1 with dots lc rgb "#8c2d04"
    }
  }
}
