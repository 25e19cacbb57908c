"""The reference of the API comes from here alone, under the policy of every page."""

from playwright.sync_api import expect

PATIENCE = {"timeout": 90_000}
"""The browser reads a long document; how long that takes is nobody's promise."""


def test_the_reference_lists_operations_without_anything_from_elsewhere(visitor):
    page, asked = visitor.page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/docs")
    expect(page.locator(".opblock-tag").first).to_be_visible(**PATIENCE)
    assert "bookings" in page.locator(".opblock-tag").all_inner_texts()
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {page.url.split("/")[2]}
