#!/bin/sh
# What the tests need from the system's packages: a browser and fonts with Chinese characters for the browser tests,
# LibreOffice for previews of office files, unzip and 7-Zip to see that others can unpack our packages.
set -eu
SHELL_OF_CHROMIUM=chromium-headless-shell # starts with a third of the work of the whole browser
WANTED="fonts-noto-cjk fontconfig unzip 7zip
    libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui"
have_browser=$(command -v $SHELL_OF_CHROMIUM || command -v chromium || command -v chromium-browser || command -v google-chrome || true)
have_font=$(fc-list :lang=zh 2>/dev/null | head -n 1 || true)
have_office=$(command -v soffice || command -v libreoffice || true)
have_unzip=$(command -v unzip || true)
have_seven=$(command -v 7zz || command -v 7z || true)
if [ -n "$have_browser" ] && [ -n "$have_font" ] && [ -n "$have_office" ] && [ -n "$have_unzip" ] && [ -n "$have_seven" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    if [ -z "$have_browser" ]; then
        if apt-cache show $SHELL_OF_CHROMIUM >/dev/null 2>&1; then WANTED="$SHELL_OF_CHROMIUM $WANTED"; else WANTED="chromium $WANTED"; fi
    fi
    # shellcheck disable=SC2086 # a list of names
    apt-get install -y -qq --no-install-recommends $WANTED >/dev/null
    exit 0
fi
echo "The tests need Chromium, Chinese fonts, LibreOffice, unzip and 7-Zip. Please type:" >&2
echo "  sudo apt-get install -y --no-install-recommends chromium $(echo $WANTED)" >&2
exit 1
