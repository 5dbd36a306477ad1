#!/bin/sh
trap 'systemctl mask --runtime ecs.service' EXIT; set -eu # whatever fails, the ECS agent must not join "default"
curl -fsSL --retry 5 -o /run/install-muster https://github.com/OWNER/muster/releases/download/vVERSION/install
echo "SHA256-OF-INSTALL  /run/install-muster" | sha256sum -c --quiet
sh /run/install-muster --version VERSION --from https://github.com/OWNER/muster/releases/download/vVERSION
muster bootstrap --cluster prod && trap - EXIT
