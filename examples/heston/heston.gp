# gnuplot -c heston.gp DIRECTORY OUT.png: the smile from steps of several lengths, and the error at the money against the step.
set terminal pngcairo size 1000,420 font "DejaVu Sans,11"
set output ARG2
set multiplot layout 1,2
set border 3
set tics nomirror
set title "implied volatility"
set xlabel "strike"
set xrange [77:123]
set key top right samplen 2
plot ARG1 . "/smile.txt" using 1:3 with lines lw 2 lc rgb "black" title "semi-closed", \
     ARG1 . "/runs.txt" using ($1 == 4 ? $2 : NaN):7:(2*$8) with yerrorbars lc rgb "#d94801" pt 7 title "4 steps", \
     ARG1 . "/runs.txt" using ($1 == 16 ? $2 : NaN):7:(2*$8) with yerrorbars lc rgb "#6a51a3" pt 9 title "16 steps", \
     ARG1 . "/runs.txt" using ($1 == 128 ? $2 : NaN):7:(2*$8) with yerrorbars lc rgb "#2171b5" pt 5 title "128 steps, 2 standard errors"
set title "error of the call at 100"
set xlabel "step (years)"
set logscale xy
set xrange [0.006:0.35]
set yrange [0.0008:1]
set format y "10^{%T}"
set key top left samplen 2
plot ARG1 . "/runs.txt" using (1./$1):($2 == 100 ? abs($5) : NaN):(2*$6) with yerrorbars lc rgb "#2171b5" pt 5 title "Euler-Maruyama, full truncation", \
     0.65*x with lines lc rgb "grey50" dt 2 title "step^1"
