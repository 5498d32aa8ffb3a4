# gnuplot -c sweep.gp DIRECTORY OUT.png: mean times as a heat map, with contours of the exact ones.
set terminal pngcairo size 560,420 font "DejaVu Sans,11"
set output ARG2
set border 3
set tics nomirror out
set title "mean time to the ridge; lines: exact 2, 5, 10, 20"
set xlabel "noise sigma"
set ylabel "tilt c"
set xrange [0.45:1.15]
set yrange [-0.125:0.225]
set logscale cb
set cbrange [1.5:60]
set cbtics (2, 5, 10, 20, 50)
set palette defined (0 "#f7fbff", 0.5 "#6baed6", 1 "#08306b")
unset key
set table $contours
set contour base
unset surface
set cntrparam levels discrete 2, 5, 10, 20
splot ARG1 . "/contours.txt" using 1:2:3 with lines
unset table
unset contour
plot ARG1 . "/map.txt" using 1:2:3 with image, $contours using 1:2 with lines lw 1.5 lc rgb "#d94801"
