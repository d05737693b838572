"""Reads an untrusted XML file into a small tree that knows the line of every element."""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_namespaces
from xml.sax.xmlreader import AttributesNSImpl, Locator

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

MAX_BYTES = 1_048_576
MAX_ELEMENTS = 20_000
MAX_DEPTH = 48


class XmlError(ValueError):
    """The file is not XML that may be read; `line` is where reading stopped."""

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


@dataclass(slots=True)
class Element:
    """An element: names without prefix, attributes of other namespaces as `{namespace}name`."""

    namespace: str
    tag: str
    attributes: dict[str, str]
    line: int
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def get(self, name: str) -> str | None:
        """An attribute without surrounding space; None where it is absent or empty."""
        return self.attributes.get(name, "").strip() or None

    def canonical(self) -> list[Any]:
        """Content alone: prefixes, order of attributes, comments, indentation and lines do not count."""
        parts = [child.canonical() for child in self.children]
        return [self.namespace, self.tag, sorted(self.attributes.items()), self.text.strip(), parts]

    def digest(self) -> str:
        """SHA-256 of the canonical content, in hex."""
        return sha256(json.dumps(self.canonical(), ensure_ascii=False).encode()).hexdigest()


class _Builder(ContentHandler):
    def __init__(self) -> None:
        super().__init__()
        self.root: Element | None = None
        self.open: list[Element] = []
        self.count = 0
        self.line = 1
        self.locator: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 - a name of the SAX interface
        self.locator = locator

    def startElementNS(  # noqa: N802 - a name of the SAX interface
        self, name: tuple[str | None, str], qname: str | None, attrs: AttributesNSImpl
    ) -> None:
        line = (self.locator.getLineNumber() if self.locator else None) or 1
        self.count += 1
        if self.count > MAX_ELEMENTS or len(self.open) >= MAX_DEPTH:
            limits = f"{MAX_ELEMENTS} elements or {MAX_DEPTH} levels"
            raise XmlError(f"the file has more than {limits}", line)
        attributes = {f"{{{space}}}{local}" if space else local: text for (space, local), text in attrs.items()}
        element = Element(name[0] or "", name[1], attributes, line)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: N802 - as above
        self.open.pop()

    def characters(self, content: str) -> None:
        self.open[-1].text += content


def read_xml(content: bytes) -> Element:
    """The root element of `content`; no document type, entity or outside reference is ever read.

    XmlError for a file that is too large or too deep, declares a document type, or is not well formed.
    """
    if len(content) > MAX_BYTES:
        raise XmlError(f"the file has {len(content)} bytes, more than {MAX_BYTES}", 1)
    parser, builder = DefusedExpatParser(forbid_dtd=True), _Builder()
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(builder)
    try:
        parser.parse(BytesIO(content))
    except DefusedXmlException as error:
        line = parser.getLineNumber() or 1
        raise XmlError("the file declares a document type or entities, which is not allowed", line) from error
    except SAXParseException as error:
        raise XmlError(f"not well-formed XML: {error.getMessage()}", error.getLineNumber() or 1) from error
    except (LookupError, ValueError) as error:
        if isinstance(error, XmlError):
            raise
        raise XmlError(f"not readable as XML: {error}", 1) from error
    assert builder.root is not None
    return builder.root
