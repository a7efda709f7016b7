#!/bin/sh
# The browser tests need Chromium and Chinese fonts. Install them where that is allowed, else say how.
set -eu
LINE="apt-get install -y chromium fonts-noto-cjk"
if command -v chromium >/dev/null && [ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the browser tests ..." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive $LINE -qq >/dev/null && exit 0
fi
echo "The browser tests need Chromium. Type: sudo $LINE" >&2
exit 1
