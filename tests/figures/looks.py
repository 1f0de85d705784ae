"""What can be seen of a figure without looking at it."""

import matplotlib as mpl
from matplotlib.figure import Figure

from sim.figures.style import settings


def texts(figure: Figure) -> str:
    found = [text.get_text() for text in figure.findobj(mpl.text.Text)]
    return "\n".join(text for text in found if text)


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts of a figure that cover one another."""
    with settings():
        figure.draw_without_rendering()
        found = [
            text
            for text in figure.findobj(mpl.text.Text)
            if text.get_text().strip() and text.get_visible() and text.get_window_extent().width > 0
        ]
        hidden = set()
        for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                beyond = not low - 1e-9 <= tick.get_loc() <= high + 1e-9
                hidden |= {id(label) for label in (tick.label1, tick.label2) if beyond or not label.get_visible()}
        hidden |= {
            id(label) for ax in figure.axes if not ax.axison for label in (*ax.get_xticklabels(), *ax.get_yticklabels())
        }
        shown = [text for text in found if id(text) not in hidden]
        boxes = [(text.get_text(), text.get_window_extent().shrunk(0.98, 0.9)) for text in shown]
    return [
        (one, other) for i, (one, box) in enumerate(boxes) for other, second in boxes[i + 1 :] if box.overlaps(second)
    ]


def outside(figure: Figure) -> list[str]:
    """Texts that reach beyond the edge of a figure."""
    with settings():
        figure.draw_without_rendering()
        width, height = figure.bbox.width, figure.bbox.height
        found = []
        for text in figure.findobj(mpl.text.Text):
            if text.get_text().strip() and text.get_visible():
                box = text.get_window_extent()
                if box.width and (box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1):
                    found.append(text.get_text())
    return found
