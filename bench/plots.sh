#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# plots.sh FILE - draws rounds.svg and starts.svg beside this file, of what `make bench` printed
#
# The background is transparent, and the colours are those that can be seen on white and on black.
set -eu

file=${1-}
dir=$(dirname -- "$0")
[ -f "$file" ] || {
        echo 'make plots FROM=FILE: FILE has to have what make bench printed' >&2
        exit 2
}
command -v gnuplot > /dev/null || {
        echo 'make plots needs gnuplot: apt-get install -y --no-install-recommends gnuplot-nox' >&2
        exit 1
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# rounds: number, title, microseconds of the library and of the classic design, and their quotient,
# lower and upper quartile, where each has one row. start-N: MiB, milliseconds and quartiles of the
# Nth way; no line leads from nothing, which is not on the scale, to 64 MiB.
awk -v dir="$tmp" '
        BEGIN {
                ways["fork + classic barrier"] = 1
                ways["fork + barrier.c"] = 2
                ways["launch"] = 3
                ways["posix_spawn, no handshake"] = 4
        }
        /^[a-z-]+: / { title = $0; sub(/^[^:]*: /, "", title) }
        /^(library|classic) / && substr($0, 18, 8) ~ /^ +$/ { us[$1] = $2 }
        /^classic .*\)$/ && substr($0, 18, 8) ~ /^ +$/ {
                gsub(/[()]/, "")
                printf "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", rounds++, title, us["library"],
                        us["classic"], $(NF - 3), $(NF - 2), $NF > (dir "/rounds")
        }
        / MiB$/ { mib = $1 }
        / MiB in / { mib = /huge/ ? "" : $1 }
        { way = substr($0, 1, 26); sub(/ +$/, "", way) }
        mib != "" && way in ways {
                split(substr($0, 27), column, " ")
                printf "%s %g %g %g\n%s", mib, column[3] / 1000, column[2] / 1000, \
                        column[4] / 1000, (mib + 0 ? "" : "\n") > (dir "/start-" ways[way])
                starts++
        }
        END { exit !rounds || !starts }' "$file" || {
        echo "plots: $file is not what make bench printed" >&2
        exit 1
}

# draw NAME TITLE WIDTH HEIGHT < COMMANDS
draw() {
        {
                cat << END
set terminal svg size $3,$4 font "sans-serif,13"
set output "$tmp/$1.svg"
text = "#808080"; grid = "#b0808080"; blue = "#1e88e5"; orange = "#ef6c00"
green = "#43a047"; violet = "#ab47bc"
set border 0 linecolor rgb text
set tics scale 0 textcolor rgb text
set key textcolor rgb text noautotitle
set grid linecolor rgb grid linetype 1 linewidth 0.8
END
                cat
        } | gnuplot
        sed "s|<title>Gnuplot</title>|<title>$2</title>|" "$tmp/$1.svg" > "$tmp/svg"
        mv "$tmp/svg" "$dir/$1.svg"
}

rows=$(wc -l < "$tmp/rounds")
height=$((96 + rows * 24))
draw rounds 'What a round costs' 960 $height << END
set datafile separator "\t"
set multiplot
set yrange [$rows - 0.4 : -0.6]
set logscale x
set grid xtics ytics
set tmargin at screen 1 - 62.0 / $height
set bmargin at screen 34.0 / $height
set label 1 "a round, us (medians)" at graph 0, 1 offset 0, 1.9 textcolor rgb text
set key at graph 1, 1 bottom right horizontal Left reverse samplen 1
set lmargin at screen 0.50
set rmargin at screen 0.73
set xtics ("1" 1, "10" 10, "100" 100, "1,000" 1000)
plot "$tmp/rounds" using 3:1:(\$4 - \$3):(0) with vectors nohead linecolor rgb text, \\
        "" using 4:1:ytic(2) with points pointtype 6 pointsize 0.9 linewidth 2 \\
                linecolor rgb orange title "classic", \\
        "" using 3:1 with points pointtype 7 pointsize 0.7 linecolor rgb blue title "library"
unset key
set ytics 1 format ""
set xrange [0.02 : 3]
set xtics (0.03, 0.1, 0.3, "1" 1, 2)
set label 1 "library / classic (median, quartiles)"
set arrow 1 from 1, graph 0 to 1, graph 1 nohead linecolor rgb text
set lmargin at screen 0.75
set rmargin at screen 0.94
plot "$tmp/rounds" using 5:1:6:7 with xerrorbars pointtype 7 pointsize 0.5 linewidth 2 \\
                linecolor rgb blue, \\
        "" using (3):1:(sprintf("%.2f", \$5)) with labels left offset 0.5, 0 textcolor rgb text
END

draw starts 'What a start costs, by the size of the process' 800 460 << END
set logscale xy
set xrange [10 : 7000]
set yrange [0.1 : 1000]
set rmargin 4
set xtics ("nothing" 16, "64 MiB" 64, "256 MiB" 256, "1 GiB" 1024, "4 GiB" 4096)
set xlabel "in memory, in 4 KiB pages" textcolor rgb text
set ylabel "ms until the exec is known (median, quartiles)" textcolor rgb text
set key top left Left reverse noenhanced
array way[4] = ["fork + classic", "fork + barrier.c", "launch: vfork + barrier.c", \\
        "posix_spawn, no handshake"]
array aside[4] = [0.96, 1.04, 1, 1]
array colour[4] = [orange, blue, green, violet]
array point[4] = [6, 7, 5, 9]
x(mib, i) = (mib > 0 ? mib : 16) * aside[i]
ms(x) = sprintf(x < 10 ? "%.2g" : "%.0f", x)
plot for [i = 1 : 4] "$tmp/start-".i using (x(\$1, i)):2:3:4 with yerrorlines linewidth 2 \\
                pointtype point[i] linecolor rgb colour[i] title way[i], \\
        "$tmp/start-1" using (x(\$1, 1)):2:(ms(\$2)) with labels offset 0, 1.2 textcolor rgb text, \\
        for [i = 3 : 4] "$tmp/start-".i using (x(\$1, i)):2:(ms(\$2)) with labels \\
                left offset 1.2, 0.6 textcolor rgb text
END
