"""The ratios of a run as a picture: one group of bars a case, HAProxy as the line at 1."""

import html
import statistics

WIDTH, LABELS, BAR, GAP, TOP, SCALE_MAX = 860, 190, 13, 12, 64, 3.0
INK, MUTED, LINE = "#1f2933", "#616e7c", "#cbd2d9"
COLOURS = ("#1f6feb", "#9aa5b1", "#d9822b", "#7b61ff")


def text(x, y, words, anchor="start", colour=INK, size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
            f'font-weight="{weight}">{html.escape(words)}</text>')


def across(ratio):
    return LABELS + min(ratio, SCALE_MAX) / SCALE_MAX * (WIDTH - LABELS - 60)


def grid(bottom):
    parts = []
    for step in range(int(SCALE_MAX * 2) + 1):
        at = across(step / 2)
        strong = step == 2
        parts.append(f'<line x1="{at:.1f}" y1="{TOP - 8}" x2="{at:.1f}" y2="{bottom}" '
                     f'stroke="{INK if strong else LINE}" stroke-width="{1.5 if strong else 1}"/>')
        label = "HAProxy" if strong else f"{step / 2:g}"
        parts.append(text(at, TOP - 14, label, "middle", INK if strong else MUTED, 11))
    return parts


def group(costs, case, names, peers, top):
    parts = [text(LABELS - 12, top + len(names) * BAR / 2 + 4, case.name, "end")]
    for i, name in enumerate(names):
        ratios = costs.ratios(name, case, peers, "HAProxy")
        if not ratios:
            continue
        y = top + i * BAR
        middle = statistics.median(ratios)
        parts.append(f'<rect x="{LABELS}" y="{y}" width="{across(middle) - LABELS:.1f}" height="{BAR - 2}" '
                     f'fill="{COLOURS[i % len(COLOURS)]}"/>')
        parts.append(f'<line x1="{across(min(ratios)):.1f}" y1="{y + BAR / 2 - 1}" x2="{across(max(ratios)):.1f}" '
                     f'y2="{y + BAR / 2 - 1}" stroke="{INK}" stroke-width="1"/>')
        parts.append(text(across(max(ratios)) + 6, y + BAR - 4, f"{middle:.2f}", size=11))
    return parts


def legend(names):
    parts = [text(0, 14, "Requests per CPU second, HAProxy = 1 (longer is better; the line is the spread of rounds)",
                  size=13, weight="bold")]
    x = 0
    for i, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="24" width="11" height="11" fill="{COLOURS[i % len(COLOURS)]}"/>')
        parts.append(text(x + 16, 34, name))
        x += 40 + 7 * len(name)
    return parts


def draw(costs, wanted, names, peers):
    shown = [name for name in names if name != "HAProxy"]
    wanted = [case for case in wanted if any(costs.ratios(name, case, peers, "HAProxy") for name in shown)]
    step = len(shown) * BAR + GAP
    bottom = TOP + len(wanted) * step
    parts = legend(shown) + grid(bottom)
    for i, case in enumerate(wanted):
        parts += group(costs, case, shown, peers, TOP + i * step)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -4 {WIDTH + 16} {bottom + 16}" '
            f'font-family="system-ui, sans-serif">\n<rect x="-8" y="-4" width="100%" height="100%" fill="#ffffff"/>\n'
            + "\n".join(parts) + "\n</svg>\n")
