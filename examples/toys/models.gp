# gnuplot -c models.gp OUT TOY...: samples of the three models by 2 and by 100 steps of Euler's method.
set terminal pngcairo size 1200, 860
set output ARG1
set datafile separator ","
set multiplot layout 4, 3 margins 0.01, 0.99, 0.01, 0.96 spacing 0.01, 0.05
set size ratio -1
unset key; unset tics
set xrange [-3.2:3.2]; set yrange [-3.2:3.2]
do for [toy in ARG2." ".ARG3] {
  do for [steps in "2 100"] {
    do for [model in "vp flow reflow"] {
      set title model.", ".steps." steps"
      plot "out/".toy."-".model."-".steps.".csv" using 2:3 every ::1 with dots lc rgb "#8c2d04"
    }
  }
}
