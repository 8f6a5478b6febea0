#!/bin/sh
# May this system be used now? Exit 0: yes. Exit 1: no, and why. Exit 2: it was not said of which. The same as gateway.py, with curl (7.70), jq and openssl (3.0).
# SANDBOX_URL, TRIAL, TOKEN (scope permit) and MODEL_VERSION say what is asked; KEPT names the folder of the last word,
# which holds until it expires while the sandbox cannot be reached: a permit as well as a refusal.
set -eu
[ -n "${SANDBOX_URL:-}" ] && [ -n "${TRIAL:-}" ] && [ -n "${TOKEN:-}" ] && [ -n "${MODEL_VERSION:-}" ] || {
  echo "usage: SANDBOX_URL=https://... TRIAL=ES-... TOKEN=es_... MODEL_VERSION=... gateway.sh" >&2; exit 2; }
umask 077
kept=${KEPT:-permit}; new=$kept/new; now=$(date +%s); mkdir -p "$new"
no() { echo "$1"; exit 1; }
bytes() { printf '%s' "$1" | tr -- -_ +/ | awk '{ while (length($0) % 4) $0 = $0 "="; print }' | openssl base64 -d -A; }

claims() { # folder -> claims.json beside token and keys.json, or fails
  IFS=. read -r head body signature < "$1/token"
  bytes "$head" > "$1/head.json" && bytes "$body" > "$1/claims.json" && bytes "$signature" > "$1/signature"
  jq -e '.alg == "EdDSA" and .typ == "permit+jwt"' "$1/head.json" > /dev/null 2>&1 || return 1
  x=$(jq -er --arg kid "$(jq -r .kid "$1/head.json")" '.keys[] | select(.kid == $kid and (has("retired") | not)) | .x' "$1/keys.json") || return 1
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; bytes "$x"; } > "$1/key.der"
  printf '%s.%s' "$head" "$body" > "$1/signed"
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$1/key.der" -rawin -in "$1/signed" -sigfile "$1/signature" > /dev/null 2>&1 || return 1
  jq -e --arg trial "$TRIAL" '.sub == $trial' "$1/claims.json" > /dev/null
}

: > "$new/etag"; touch "$kept/etag"
status=$(curl -s -m 5 -o "$new/answer" -w '%{http_code}' --etag-compare "$kept/etag" --etag-save "$new/etag" \
  -H "Authorization: Bearer $TOKEN" "$SANDBOX_URL/api/v1/trials/$TRIAL/permit") || status=0
case $status in 200|409) # 304: nothing new; anything else is no word about the trial: the last one holds
  if jq -er '.permit // .statement' "$new/answer" > "$new/token" && curl -sf -m 5 -o "$new/keys.json" "$SANDBOX_URL/.well-known/jwks.json" \
      && claims "$new" && [ "$(jq .serial "$new/claims.json")" -ge "$(cat "$kept/serial" 2> /dev/null || echo 0)" ]; then # an older one is a replay
    mv "$new/token" "$new/keys.json" "$new/etag" "$kept"; jq .serial "$new/claims.json" > "$kept/serial"
  fi;;
esac
{ [ -f "$kept/token" ] && claims "$kept"; } || no "no permit"
seen=$(cat "$kept/seen" 2> /dev/null || echo 0)
[ "$now" -gt "$seen" ] && echo "$now" > "$kept/seen"
jq -e .active "$kept/claims.json" > /dev/null || no "not active: $(jq -r .cause "$kept/claims.json")"
jq -e --argjson now "$now" --argjson seen "$seen" '([.iat, $seen] | max) - 60 <= $now and $now < .exp' "$kept/claims.json" > /dev/null || no "expired, or a clock is wrong"
jq -e --arg version "$MODEL_VERSION" --argjson now "$now" '.model_version == null or .model_version == $version
  or any(.former_versions[]?; .version == $version and $now < .until)' "$kept/claims.json" > /dev/null \
  || no "the permit is for version $(jq -r .model_version "$kept/claims.json")"
echo go
