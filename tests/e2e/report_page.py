"""A report's page, read as a strict reader does: well-formed, and no label of a plot over another."""

import html.parser
import xml.etree.ElementTree

SVG = "{http://www.w3.org/2000/svg}"
LETTER = 6.0  # the width of one at 12 px, about; the page itself reckons with more
TITLE_LETTER = 7.0  # at 14 px


class Tags(html.parser.HTMLParser):
    """Every tag closes what was opened last; XML may be stricter than that, browsers are not."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.faults, self.ids, self.links = [], [], set(), []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids.add(attributes.get("id"))
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")


class Page:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.root = xml.etree.ElementTree.fromstring(self.text)
        self.tags = Tags()
        self.tags.feed(self.text)
        self.tags.close()

    def faults(self):
        """What is wrong with the page as a whole."""
        faults = list(self.tags.faults)
        faults += [f"left open: {tag}" for tag in self.tags.open]
        faults += [f"leads nowhere: {link}" for link in self.tags.links if link[1:] not in self.tags.ids]
        faults += [f"leads outside: {link}" for link in self.tags.links if not link.startswith("#")]
        if "<script" in self.text:
            faults.append("there is a script")
        for svg in self.plots():
            faults += plot_faults(svg)
        return faults

    def plots(self):
        return self.root.findall(f".//{SVG}svg")

    def plot(self, title):
        return next(svg for svg in self.plots() if svg.get("aria-label") == title)

    def texts(self, element):
        return ["".join(item.itertext()) for item in self.root.iter(element)]

    def missing(self):
        return ["".join(item.itertext()) for item in self.root.iter("p") if "missing" in item.get("class", "").split()]


def labels(svg):
    """Each text of a plot with the box it takes: left, top, right, bottom."""
    boxes = []
    for item in svg.iter(f"{SVG}text"):
        text, style = item.text or "", item.get("class", "").split()
        width = len(text) * (TITLE_LETTER if "title" in style else LETTER)
        x, y = float(item.get("x")), float(item.get("y"))
        left = x - width / 2 if "mid" in style else x - width if "right" in style else x
        boxes.append((text, left, y - 9, left + width, y + 2))
    return boxes


def plot_faults(svg):
    faults, title = [], svg.get("aria-label")
    _, _, width, height = (float(number) for number in svg.get("viewBox").split())
    boxes = labels(svg)
    for i, (text, left, top, right, bottom) in enumerate(boxes):
        if left < -1 or right > width + 1 or top < -1 or bottom > height + 1:
            faults.append(f"{title}: {text!r} leaves the plot")
        for other, left2, top2, right2, bottom2 in boxes[:i]:
            if left < right2 and left2 < right and top < bottom2 and top2 < bottom:
                faults.append(f"{title}: {text!r} lies over {other!r}")
    return faults
