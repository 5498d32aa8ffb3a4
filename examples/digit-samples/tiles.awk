# Images, the last 64 columns of CSV files with a header, side by side: a matrix of grey levels, each four times in either
# direction. Where `groups` says how many files there are, the first `rows` images of each go down and files to the right; else
# images go to the right, `columns` a line.
BEGIN { FS = "," }
FNR == 1 { ++file; next }
groups && FNR - 2 >= rows { next }
{
  if (groups) { column = file - 1 + int((file - 1) / 10); line = FNR - 2 }
  else { column = image % columns; line = int(image / columns); ++image }
  for (i = 0; i < 64; ++i) grey[line * 9 + int(i / 8), column * 9 + i % 8] = $(NF - 63 + i)
}
END {
  for (y = 0; y < rows * 9; ++y) {
    text = ""
    for (x = 0; x < columns * 9 - 1; ++x) {
      level = (y, x) in grey ? grey[y, x] : -1
      text = text " " level " " level " " level " " level
    }
    for (k = 0; k < 4; ++k) print text
  }
}
