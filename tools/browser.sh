#!/bin/sh
# What the tests need from the system's packages: a browser and fonts with Chinese characters for the browser tests,
# unzip and 7-Zip to see that others can unpack our packages.
set -eu
have_browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
have_font=$(fc-list :lang=zh 2>/dev/null | head -n 1 || true)
have_unzip=$(command -v unzip || true)
have_seven=$(command -v 7zz || command -v 7z || true)
if [ -n "$have_browser" ] && [ -n "$have_font" ] && [ -n "$have_unzip" ] && [ -n "$have_seven" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk fontconfig unzip 7zip >/dev/null
    exit 0
fi
echo "The tests need Chromium, Chinese fonts, unzip and 7-Zip. Please type:" >&2
echo "  sudo apt-get install -y --no-install-recommends chromium fonts-noto-cjk fontconfig unzip 7zip" >&2
exit 1
