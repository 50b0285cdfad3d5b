"""A walk through the shop API: Schemathesis makes up requests, and compares each answer with the document."""

CUSTOMER = "walker@shop-user.example"
STAFF_MEMBER = "walking-staff@shop-user.example"
LEAVING = "leaving-walker@shop-user.example"
"""A customer who is erased again and again."""
