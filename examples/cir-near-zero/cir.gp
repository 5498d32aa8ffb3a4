# gnuplot -c cir.gp DIRECTORY OUT.png: the error of the mean against the step, and densities near zero with 16 steps.
set terminal pngcairo size 1000,420 font "DejaVu Sans,11"
set output ARG2
set multiplot layout 1,2
set border 3
set tics nomirror
set key samplen 2
set title "error of the mean, 2 standard errors"
set xlabel "step"
set logscale x 2
set format x "2^{%L}"
set xrange [0.0117:0.175]
set yrange [-0.012:0.012]
set key top left
set xzeroaxis lt 1 lc rgb "black"
is(rule, method) = (strcol(1) eq rule && strcol(2) eq method && $3 > 1)
error(rule, method) = is(rule, method) ? $4 : NaN
plot ARG1 . "/runs.txt" skip 1 using (1./$3):(error("reflect", "euler-maruyama")):(2*$5) with yerrorbars lc rgb "#d94801" pt 7 title "reflect", \
     "" skip 1 using (1./$3):(error("reflect", "milstein")):(2*$5) with yerrorbars lc rgb "#d94801" pt 6 title "reflect, Milstein", \
     "" skip 1 using (1./$3):(error("full-truncation", "euler-maruyama")):(2*$5) with yerrorbars lc rgb "#2171b5" pt 5 title "full truncation", \
     "" skip 1 using (1./$3):(error("absorb", "euler-maruyama")):(2*$5) with yerrorbars lc rgb "#238b45" pt 9 title "absorb"
unset logscale
set format x "%g"
set xrange [-0.002:0.02]
set yrange [0:130]
set key top right
set title "density at the end, 16 steps"
set xlabel "r"
plot ARG1 . "/density.txt" using "r":"exact" with histeps lw 3 lc rgb "grey60" title "exact", \
     "" using "r":"reflect_euler-maruyama" with histeps lc rgb "#d94801" title "reflect", \
     "" using "r":"full-truncation_euler-maruyama" with histeps lc rgb "#2171b5" title "full truncation", \
     "" using "r":"full-truncation_implicit-milstein" with histeps lc rgb "#6a51a3" title "implicit Milstein"
