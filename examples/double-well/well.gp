# gnuplot -c well.gp DIRECTORY OUT.png: the density of passage times, and the error of their mean against the step.
set terminal pngcairo size 1000,420 font "DejaVu Sans,11"
set output ARG2
set multiplot layout 1,2
set border 3
set tics nomirror
set key top right samplen 2
set title "density of the time to the ridge, step 0.1"
set xlabel "time"
set xrange [0:80]
set yrange [0:*]
set style fill solid 0.35 noborder
plot ARG1 . "/density.txt" using "time":"heun_bridge_0.1" with boxes lc rgb "#2171b5" title "Heun, Brownian bridge", \
     "" using "time":"heun_none_0.1" with steps lc rgb "#d94801" title "Heun, ends of steps alone", \
     "" using "time":"exact" with lines lw 2 lc rgb "black" title "exact"
set title "mean time, 2 standard errors"
set xlabel "step"
set logscale x
set xtics (0.025, 0.05, 0.1, 0.2)
set xrange [0.02:0.25]
set yrange [15.5:27]
set key top left
of(method, crossings) = (strcol(1) eq method && strcol(2) eq crossings) ? $4 : NaN
plot ARG1 . "/table.txt" skip 1 using 3:(of("heun", "none")):(2*$7) with yerrorbars lc rgb "#d94801" pt 7 title "Heun, ends of steps alone", \
     "" skip 1 using 3:(strcol(2) eq "none" ? $8 : NaN) with lines lc rgb "#d94801" dt 2 title "exact, to a level moved away", \
     "" skip 1 using 3:(of("heun", "bridge")):(2*$7) with yerrorbars lc rgb "#2171b5" pt 5 title "Heun, Brownian bridge", \
     "" skip 1 using 3:(of("euler-maruyama", "bridge")):(2*$7) with yerrorbars lc rgb "#238b45" pt 9 title "Euler-Maruyama, Brownian bridge", \
     "" skip 1 using 3:5 with lines lc rgb "black" title "exact"
