"""The shapes in which MiniStack passes requests and answers around."""

from typing import Any

Document = dict[str, Any]
"""JSON."""
Response = tuple[int, Document, bytes]
"""The status, the headers and the body."""
