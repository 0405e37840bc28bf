#!/usr/bin/env bash
# Makes the certificates beside it, with OpenSSL 3: an authority, what it signed, well and badly, and what it did not sign.
# They are good for a hundred years, and prove nothing to anybody but the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/index.txt"
cat >"$work/openssl.cnf" <<END
[ca]
default_ca = ours
[ours]
database = $work/index.txt
new_certs_dir = $work
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
END

# key NAME
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key.pem"; }

# authority NAME SUBJECT
authority() {
    key "$1"
    openssl req -x509 -new -key "$1.key.pem" -subj "/CN=$2" -days 36500 -out "$1.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}

# signed NAME HOST START END USAGE
signed() {
    key "$1"
    openssl req -new -key "$1.key.pem" -subj "/CN=$1" -out "$work/$1.csr"
    printf 'subjectAltName=DNS:%s\nextendedKeyUsage=%s\nbasicConstraints=CA:FALSE\n' "$2" "$5" >"$work/$1.ext"
    openssl ca -batch -notext -config "$work/openssl.cnf" -cert authority.pem -keyfile authority.key.pem \
        -in "$work/$1.csr" -extfile "$work/$1.ext" -startdate "$3" -enddate "$4" -out "$1.pem" 2>/dev/null
}

authority authority "callbox test authority"
authority stranger "callbox test stranger"
signed good localhost 20200101000000Z 21200101000000Z serverAuth
signed expired localhost 20200101000000Z 20210101000000Z serverAuth
signed early localhost 21190101000000Z 21200101000000Z serverAuth
signed elsewhere elsewhere.example 20200101000000Z 21200101000000Z serverAuth
signed client client.example 20200101000000Z 21200101000000Z clientAuth
key own
openssl req -x509 -new -key own.key.pem -subj "/CN=localhost" -days 36500 -out own.pem \
    -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE
rm authority.key.pem stranger.key.pem
