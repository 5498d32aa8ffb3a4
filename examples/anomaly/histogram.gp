# The log-densities of digits, and of the same ones changed.
set terminal pngcairo size 900,520 font "sans,12"
set output "out/anomaly.png"
set datafile separator ","
set xlabel "log-density (nats)"
set ylabel "digits"
set style fill transparent solid 0.5 noborder
set key left top
width = 10
bin(x) = width*(floor(x/width) + 0.5)
set boxwidth width
set xrange [-550:-60]
plot for [name in "turned mirrored test"] "out/".name."-loglik.csv" every ::1 using (bin($2)):(1) smooth frequency with boxes title name
