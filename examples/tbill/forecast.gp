# gnuplot -c forecast.gp DATA.csv QUANTILES.txt OUT.png: the rates so far and the quantiles of those to come.
set terminal pngcairo size 960,420 font "DejaVu Sans,11"
set output ARG3
set datafile separator ","
set xrange [1975:2033]
set yrange [0:17]
set xtics 5 nomirror
set ytics nomirror
set border 3
set ylabel "3-month Treasury bill, %"
set key top right reverse Left
# "08" alone would be read as an octal number.
year(date) = substr(date, 1, 4) + (("1" . substr(date, 6, 7)) - 101) / 12.
rows = "< tr ' ' , <" . ARG2
plot rows using 1:(100*$2):(100*$6) with filledcurves lc rgb "#9ecae1" title "5-95 %", \
     rows using 1:(100*$3):(100*$5) with filledcurves lc rgb "#4292c6" title "25-75 %", \
     rows using 1:(100*$4) with lines lw 2 lc rgb "#08306b" title "median", \
     ARG1 skip 1 using (year(strcol(1))):(100*$2) with lines lw 1.2 lc rgb "#d94801" title "data"
