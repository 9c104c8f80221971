"""The forms of PromQL that the panels use."""

from __future__ import annotations


def _sum(by: tuple[str, ...], expr: str) -> str:
    return f"sum by ({', '.join(by)}) ({expr})" if by else f"sum({expr})"


def added(counter: str, where: str, *by: str, over: str = "$__interval") -> str:
    """Return by how much a counter grew in each interval."""
    return _sum(by, f"increase({counter}{{{where}}}[{over}])")


def per_second(counter: str, where: str, *by: str) -> str:
    """Return by how much a counter grows in a second."""
    return _sum(by, f"rate({counter}{{{where}}}[$__rate_interval])")


def quantile(share: float, histogram: str, where: str, *by: str, over: str = "$__rate_interval") -> str:
    """Return the value below which this share of the observations of a histogram are."""
    return f"histogram_quantile({share}, {_sum((*by, 'le'), f'rate({histogram}_bucket{{{where}}}[{over}])')})"


def or_none(expr: str, label: str) -> str:
    """Return the expression with one more series, `none` at 0: so that it is never empty."""
    return f'{expr} or label_replace(vector(0), "{label}", "none", "", "")'
