# Distance from the digits against the evaluations of the network.
set terminal pngcairo size 700,460 font "sans,12"
set output "out/quality.png"
set logscale xy
set xlabel "evaluations of the network"
set ylabel "sliced Wasserstein distance"
set xrange [5:100]
set yrange [0.03:0.2]
set ytics (0.03, 0.05, 0.1, 0.2)
set xtics (6, 10, 20, 40, 80)
plot for [i=1:words(samplers)] "out/quality.txt" using 1:(column(i + 1)) with linespoints pointtype 7 title word(samplers, i) noenhanced, \
  floor with lines dashtype 2 linecolor "gray50" title "other digits"
