#!/usr/bin/env bash
# Judges a request that was kept in files, with openssl: is-from-callbox.sh ID TIMESTAMP SIGNATURES BODY_FILE, with the secret in
# CALLBOX_SECRET. Ends with 0 if it is from callbox. For a look by hand: it does not compare in constant time.
set -euo pipefail
id=$1 stamp=$2 signatures=$3 body=$4
age=$(($(date +%s) - stamp))
((age >= -300 && age <= 300)) || { echo "the timestamp is $age s old" >&2; exit 1; }
key=$(printf '%s' "${CALLBOX_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
wanted="v1,$({ printf '%s.%s.' "$id" "$stamp"; cat "$body"; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)"
for given in $signatures; do
    [[ $given == "$wanted" ]] && exit 0
done
echo "no signature fits" >&2
exit 1
