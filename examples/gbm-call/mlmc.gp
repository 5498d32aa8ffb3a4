# gnuplot -c mlmc.gp DIRECTORY OUT.png: variance and mean of the levels, their paths, and the work for an error.
set terminal pngcairo size 1000,760 font "DejaVu Sans,11"
set output ARG2
set multiplot layout 2,2
set border 3
set tics nomirror
set key top right
set logscale y 2
set format y "2^{%L}"
file(method, kind) = ARG1 . "/" . method . "." . kind
set xlabel "level (2^{level} steps)"
set title "variance of fine - coarse"
plot file("euler-maruyama", "levels") using 1:4 with linespoints lc rgb "#d94801" pt 7 title "Euler-Maruyama", \
     file("milstein", "levels") using 1:4 with linespoints lc rgb "#2171b5" pt 5 title "Milstein"
set title "mean of fine - coarse"
plot file("euler-maruyama", "levels") using 1:3 with linespoints lc rgb "#d94801" pt 7 notitle, \
     file("milstein", "levels") using 1:3 with linespoints lc rgb "#2171b5" pt 5 notitle
set logscale y 10
set format y "10^{%T}"
set title "paths for a standard error of 0.01"
plot file("euler-maruyama", "levels") using 1:5 with linespoints lc rgb "#d94801" pt 7 notitle, \
     file("milstein", "levels") using 1:5 with linespoints lc rgb "#2171b5" pt 5 notitle
set logscale x 10
set xrange [0.12:0.008] reverse
set xlabel "standard error"
set title "path-steps"
set key top left
plot file("euler-maruyama", "work") using 1:3 with linespoints lc rgb "#d94801" pt 6 dt 2 title "plain", \
     file("euler-maruyama", "work") using 1:2 with linespoints lc rgb "#d94801" pt 7 title "multilevel", \
     file("milstein", "work") using 1:3 with linespoints lc rgb "#2171b5" pt 4 dt 2 title "plain", \
     file("milstein", "work") using 1:2 with linespoints lc rgb "#2171b5" pt 5 title "multilevel"
