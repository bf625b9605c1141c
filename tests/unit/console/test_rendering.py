from console.assets import SHELL, Assets, Entry
from console.rendering import Renderer


def renderer_with(script):
    return Renderer(Assets({SHELL: Entry(scripts=(script,))}))


def test_each_renderer_has_its_own_assets_though_they_share_the_templates():
    one, other = renderer_with("/one.js"), renderer_with("/other.js")
    values = {"theme": "dark", "notice": None, "nonce": "n"}

    pages = [each.render("document.html", values) for each in (one, other, one)]

    assert [("/one.js" in page, "/other.js" in page) for page in pages] == [(True, False), (False, True), (True, False)]
