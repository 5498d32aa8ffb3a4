# A matrix of grey levels as a picture.
stats name.".txt" matrix nooutput
set terminal pngcairo size STATS_size_x, STATS_size_y
set output name.".png"
set margins 0, 0, 0, 0
unset border
unset tics
unset colorbox
unset key
set palette gray
set cbrange [-1:1]
set yrange [STATS_size_y - 0.5:-0.5]
set xrange [-0.5:STATS_size_x - 0.5]
plot name.".txt" matrix with image
