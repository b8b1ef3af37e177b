#!/bin/sh
# A browser and fonts with Chinese characters for the browser tests, from the system's packages.
set -eu
have_browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
have_font=$(fc-list :lang=zh 2>/dev/null | head -n 1 || true)
if [ -n "$have_browser" ] && [ -n "$have_font" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk fontconfig >/dev/null
    exit 0
fi
echo "The browser tests need Chromium and Chinese fonts. Please type:" >&2
echo "  sudo apt-get install -y --no-install-recommends chromium fonts-noto-cjk fontconfig" >&2
exit 1
