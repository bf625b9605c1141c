"""The Content-Security-Policy of every page: nothing but our own files, no inline script or style without the nonce."""

from urllib.parse import urlsplit


def policy_for(nonce: str, *, vite_url: str = "") -> str:
    """The header's value. With ``vite_url``, pages may load from Vite's server: for the work on the console alone."""
    own = f"'self' 'nonce-{nonce}'"
    rules = {
        "default-src": "'none'",
        "script-src": own,
        "style-src": own,
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    if vite_url:
        socket = f"ws://{urlsplit(vite_url).netloc}"
        rules |= {
            "script-src": f"{own} {vite_url}",
            # Vite puts styles into the page as it changes them; a nonce beside this word would switch it off.
            "style-src": f"'self' 'unsafe-inline' {vite_url}",
            "font-src": f"'self' {vite_url}",
            "img-src": f"'self' data: {vite_url}",
            "connect-src": f"'self' {vite_url} {socket}",
        }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
