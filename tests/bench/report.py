"""Tables, JSON and a chart."""
import statistics
from pathlib import Path

from reading import Results

OURS = "betonfs"


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
    pairs = list(zip(by_peer.get(OURS, []), by_peer.get(peer, [])))
    return statistics.median(a / b for a, b in pairs) if pairs else None


def _cell(by_peer: dict, peer: str) -> str:
    rates = by_peer.get(peer)
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


# ---- The chart: a panel per case, a bar per peer, logarithmic.

COLOURS = ["#0b6e4f", "#6bbf9c", "#b7ddcb", "#555555", "#3b6fb6", "#e0a030", "#b05070", "#999999",
           "#cccccc"]
PANELS = [("first read", "random", 2), ("re-read", "random", 2), ("cold disk", "random", 2),
          ("cold disk, no scan", "random", 2), ("memory a quarter", "random", 2),
          ("memory a quarter", "quasi", 2)]


def chart(results: Results, machine: str) -> str:
    panels = [(corpus, *panel) for corpus in ("S", "L") for panel in PANELS
              if (corpus, *panel) in results.rates]
    row_height, width, left = 16, 760, 150
    y, body = 40, []
    body.append(f'<text x="10" y="20" font-size="14">files per second, higher is better; '
                f'{_escape(machine)}</text>')
    top = max((statistics.median(r) for key in panels for r in results.rates[key].values()),
              default=1)
    for key in panels:
        title = f"{key[0]}: {key[1]}, {key[2]} order, {key[3]} readers"
        body.append(f'<text x="10" y="{y + 12}" font-size="12" font-weight="bold">{title}</text>')
        y += 20
        by_peer = results.rates[key]
        for peer in sorted(by_peer, key=lambda p: (p != OURS, p)):
            rate = statistics.median(by_peer[peer])
            bar = max(2, (width - left - 90) * rate / top)
            colour = COLOURS[sorted(results_peers(results)).index(peer) % len(COLOURS)]
            body.append(
                f'<text x="{left - 6}" y="{y + 11}" font-size="11" text-anchor="end">{peer}</text>'
                f'<rect x="{left}" y="{y}" width="{bar:.1f}" height="{row_height - 4}" '
                f'fill="{colour}"/>'
                f'<text x="{left + bar + 5:.1f}" y="{y + 11}" font-size="11">{_short(rate)}</text>')
            y += row_height
        y += 10
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
            f'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>'
            + "".join(body) + "</svg>\n")


def results_peers(results: Results) -> set[str]:
    return {peer for by_peer in results.rates.values() for peer in by_peer}


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def to_json(results: Results) -> list[dict]:
    return [{"corpus": key[0], "case": key[1], "order": key[2], "readers": key[3], "peer": peer,
             "files_per_s": [round(r, 1) for r in rates],
             "median": round(statistics.median(rates), 1),
             "betonfs_ratio": ratio(by_peer, peer)}
            for key, by_peer in results.rates.items() for peer, rates in by_peer.items()]


def write(path: Path, text: str) -> None:
    path.write_text(text)
    print(f"wrote {path}", flush=True)
