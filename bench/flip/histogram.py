"""A picture of waits: one row of bars a mover, over a logarithmic scale of milliseconds."""

import html
import math

EDGES_MS = [0.1 * 10 ** (step / 8) for step in range(33)]  # 0.1 ms to 1 s, eight bars a decade
WIDTH, ROW, LEFT, TOP, BARS = 900, 110, 190, 50, 640


def counts(waits):
    """How many waits fall between two edges; what lies beyond counts with the outermost."""
    found = [0] * (len(EDGES_MS) - 1)
    for wait in waits:
        step = int(math.floor(8 * math.log10(max(wait, 0.1) / 0.1)))
        found[min(step, len(found) - 1)] += 1
    return found


def place(milliseconds):
    return LEFT + BARS * math.log10(milliseconds / EDGES_MS[0]) / math.log10(EDGES_MS[-1] / EDGES_MS[0])


def row(one, top):
    bars = counts(one["waits_ms"])
    highest = max(bars, default=0) or 1
    width = BARS / len(bars)
    out = [f'<text x="{LEFT - 12}" y="{top + 50}" text-anchor="end">{html.escape(one["name"])}</text>',
           f'<text x="{LEFT - 12}" y="{top + 68}" text-anchor="end" class="faint">{one["failed"]} failed, '
           f'{one["wrong_side"]} wrong side</text>']
    for number, count in enumerate(bars):
        height = 80 * count / highest
        if count:
            out.append(f'<rect x="{LEFT + number * width:.1f}" y="{top + 90 - height:.1f}" width="{width - 1:.1f}" '
                       f'height="{height:.1f}"><title>{count}</title></rect>')
    out.append(f'<line x1="{LEFT}" x2="{LEFT + BARS}" y1="{top + 90}" y2="{top + 90}"/>')
    return out


def draw(seen):
    height = TOP + ROW * len(seen) + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
           "<style>rect{fill:#3b6ea5}line{stroke:#999}.faint{fill:#777;font-size:11px}.grid{stroke:#ddd}</style>",
           f'<rect width="{WIDTH}" height="{height}" style="fill:#fff"/>',
           f'<text x="{LEFT}" y="24" font-size="16">How long writes waited while the site moved</text>']
    for milliseconds in (0.1, 1, 10, 100, 1000):
        x = place(milliseconds)
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 10}" y2="{height - 36}"/>')
        out.append(f'<text x="{x:.1f}" y="{height - 18}" text-anchor="middle" class="faint">{milliseconds:g} ms</text>')
    for number, one in enumerate(seen):
        out += row(one, TOP + ROW * number)
    return "\n".join([*out, "</svg>", ""])
