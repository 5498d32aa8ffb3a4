# gnuplot -c volatility.gp STATES.txt OUT.png: volatility by the day, filtered from returns and smoothed from squares.
set terminal pngcairo size 960,420 font "DejaVu Sans,11"
set output ARG2
set xrange [1980:1990]
set logscale y
set yrange [5:150]
set ytics (5, 10, 20, 50, 100) nomirror
set xtics 1 nomirror
set border 3
set ylabel "volatility, % a year"
set key top left reverse Left
plot ARG1 using 1:3:4 with filledcurves lc rgb "#c6dbef" title "95 %", \
     ARG1 using 1:2 with lines lw 1.2 lc rgb "#2171b5" title "known on the day, from returns (particle filter)", \
     ARG1 using 1:5 with lines lw 1.8 lc rgb "#d94801" title "known at the end, from squares (Kalman smoother)"
