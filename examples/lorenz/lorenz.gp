# gnuplot -c lorenz.gp DIRECTORY OUT.png SIGMA...: one path for each strength of the noise, seen from the side, coloured by time.
set terminal pngcairo size 900,330 font "DejaVu Sans,11"
set output ARG2
set datafile separator ","
set multiplot layout 1,ARGC - 2 margins 0.06,0.98,0.17,0.89 spacing 0.04
set border 3
set tics nomirror
unset key
unset colorbox
set palette defined (0 "#2171b5", 1 "#d94801")
set xrange [-26:26]
set yrange [-2:60]
set xlabel "x"
set ylabel "z"
do for [i = 3:ARGC] {
  set title "sigma = " . value("ARG" . i)
  plot ARG1 . "/path-" . value("ARG" . i) . ".csv" using "x":"z":"time" with lines lw 0.6 lc palette
  unset ylabel
}
