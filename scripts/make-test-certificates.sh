#!/bin/sh
# Makes sim/fixtures/tls: an authority, a server's certificate for localhost and 127.0.0.1, and a client's, on P-256 and
# valid for a hundred years. They prove nothing to anybody: their keys are public.
set -eu
cd "$(dirname "$0")/../sim/fixtures/tls"
days=36500
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key.pem"; }
key authority
openssl req -x509 -new -key authority.key.pem -sha256 -days $days -subj "/CN=Synapse test authority" -out authority.pem
issue() {
  key "$1"
  printf '%s\n' "$3" > extensions
  openssl req -new -key "$1.key.pem" -subj "/CN=$2" |
    openssl x509 -req -sha256 -days $days -CA authority.pem -CAkey authority.key.pem -CAcreateserial \
      -extfile extensions -out "$1.pem"
}
issue server localhost "subjectAltName=DNS:localhost,IP:127.0.0.1"
issue client "synapse test client" "extendedKeyUsage=clientAuth"
rm -f extensions authority.srl authority.key.pem
