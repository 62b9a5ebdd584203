"""Tables, JSON and a chart."""
import statistics
from pathlib import Path

from reading import OURS, Results


def reading_table(results: Results) -> str:
    """One row per case, files per second: median, spread, and how much faster betonfs is."""
    peers = []
    for by_peer in results.rates.values():
        peers += [p for p in by_peer if p not in peers]
    peers.sort(key=lambda p: (p != OURS, not p.startswith(OURS)))
    lines = ["| corpus | case | order | readers | " + " | ".join(peers) + " |",
             "|---" * (4 + len(peers)) + "|"]
    for key, by_peer in results.rates.items():
        cells = [_cell(by_peer, peer) for peer in peers]
        lines.append("| " + " | ".join([*map(str, key), *cells]) + " |")
    return "\n".join(lines)


def ratio(by_peer: dict, peer: str) -> float | None:
    """The median of the rounds' ratios; rounds are interleaved, so each has seen the same noise."""
    ours, theirs = by_peer.get(OURS, {}), by_peer.get(peer, {})
    both = set(ours) & set(theirs)
    return statistics.median(ours[n] / theirs[n] for n in both) if both else None


def _cell(by_peer: dict, peer: str) -> str:
    rates = list(by_peer.get(peer, {}).values())
    if not rates:
        return "-"
    text = _short(statistics.median(rates))
    if len(rates) > 1:
        text += f" ({_short(min(rates))}-{_short(max(rates))})"
    factor = ratio(by_peer, peer)
    if peer != OURS and factor:
        text += f" {factor:.2g}x" if factor < 10 else f" {factor:.0f}x"
    return text


def _short(rate: float) -> str:
    return f"{rate / 1000:.1f}k" if rate >= 1000 else f"{rate:.0f}"


def plain_table(rows: list[dict]) -> str:
    if not rows:
        return ""
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|---" * len(keys) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(_plain(row.get(key)) for key in keys) + " |")
    return "\n".join(lines)


def _plain(value) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list):
        return " to ".join(map(_plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    return "-" if value is None else str(value)


# ---- The chart: a panel per case, a bar per peer; each panel has its own scale.

COLOURS = {"betonfs": "#0b6e4f", "betonfs push=off": "#8fcfb5", "directory": "#777777",
           "erofs": "#3b6fb6", "squashfs": "#7ba3d6", "squashfuse_ll": "#e0a030",
           "fuse-zip": "#b05070", "archivemount": "#cf92a8"}
NAMES = {"directory": "ext4 directory", "erofs": "EROFS (kernel)", "squashfs": "squashfs (kernel)"}
PANELS = [("first read", "random", 2), ("re-read", "random", 2), ("cold disk", "random", 2),
          ("cold disk, no scan", "random", 2), ("memory a quarter", "random", 2),
          ("memory a quarter", "quasi", 2)]
SIZES = {"S": "S, 12 KB", "L": "L, 110 KB"}
ROW, COLUMN, LEFT, TOP, GAP = 17, 430, 128, 62, 26  # pixels


def chart(results: Results, machine: str) -> str:
    """Two columns, the small files on the left; a row of panels for each case."""
    body, y = [], TOP
    for panel in PANELS:
        keys = [(corpus, *panel) for corpus in ("S", "L") if (corpus, *panel) in results.rates]
        heights = [_panel(results.rates[key], key, 10 + COLUMN * (key[0] == "L"), y, body)
                   for key in keys]
        y += max(heights, default=-GAP) + GAP
    width = 2 * COLUMN + 20
    head = (f'<text x="10" y="22" font-size="15" font-weight="bold">Files per second, longer is '
            f'better</text><text x="10" y="40" font-size="11" fill="#555">medians; '
            f'{_escape(machine)}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
            f'viewBox="0 0 {width} {y}" font-family="sans-serif">'
            f'<rect width="100%" height="100%" fill="white"/>{head}{"".join(body)}</svg>\n')


def _panel(by_peer: dict, key: tuple, x: int, y: int, body: list[str]) -> int:
    """Adds one panel at (x, y); returns its height."""
    order = {"quasi": "quasi-random"}.get(key[2], key[2])
    title = f"{SIZES[key[0]]}: {key[1]}, {order} order, {key[3]} readers"
    body.append(f'<text x="{x}" y="{y}" font-size="12" font-weight="bold">{title}</text>')
    rates = {p: statistics.median(by_peer[p].values()) for p in COLOURS if p in by_peer}
    top = max(rates.values())
    for row, (peer, rate) in enumerate(rates.items()):
        line = y + 8 + row * ROW
        bar = max(1.5, (COLUMN - LEFT - 70) * rate / top)
        body.append(
            f'<text x="{x + LEFT - 6}" y="{line + 11}" font-size="11" text-anchor="end">'
            f'{NAMES.get(peer, peer)}</text>'
            f'<rect x="{x + LEFT}" y="{line}" width="{bar:.1f}" height="{ROW - 4}" '
            f'fill="{COLOURS[peer]}"/>'
            f'<text x="{x + LEFT + bar + 5:.1f}" y="{line + 11}" font-size="11">'
            f'{_short(rate)}</text>')
    return 8 + len(rates) * ROW


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def to_json(results: Results) -> list[dict]:
    return [{"corpus": key[0], "case": key[1], "order": key[2], "readers": key[3], "peer": peer,
             "files_per_s": {n: round(r, 1) for n, r in rates.items()},
             "median": round(statistics.median(rates.values()), 1),
             "betonfs_ratio": ratio(by_peer, peer)}
            for key, by_peer in results.rates.items() for peer, rates in by_peer.items()]


def write(path: Path, text: str) -> None:
    path.write_text(text)
    print(f"wrote {path}", flush=True)
