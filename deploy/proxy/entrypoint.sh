#!/bin/sh
# Starts the front door: passwords, certificate, configuration, then nginx in this process's place.
#
# What belongs here: what differs between installations. What does not: who may do what (nginx.conf, doors.conf).
# Variables: docs/deploy.md and the README list them; a *_FILE variable names a file that holds the value.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
state=${BROWSE_PROXY_STATE:-/var/lib/browse-proxy}
run=${BROWSE_PROXY_RUN:-/tmp/browse-proxy}
host=${BROWSE_PROXY_HOST:-0.0.0.0}
port=${BROWSE_PROXY_PORT:-8080}
tls=${BROWSE_TLS:-off}
tls_port=${BROWSE_PROXY_TLS_PORT:-8443}
tls_public_port=${BROWSE_PROXY_TLS_PUBLIC_PORT:-$tls_port}
name=${BROWSE_PROXY_NAME:-localhost}
certificate=${BROWSE_TLS_CERTIFICATE:-/etc/browse-proxy/tls/tls.crt}
key=${BROWSE_TLS_KEY:-/etc/browse-proxy/tls/tls.key}
tries=${BROWSE_PROXY_TRIES:-60} # a minute, of one address
resolver=${BROWSE_PROXY_RESOLVER:-}

fail() {
    echo "Not started: $1" >&2
    exit 2
}

random() { # hexadecimal digits, as many as 16 bytes have
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

# Values end up in nginx's configuration: no other characters than such a value needs.
check() { # variable, value, characters
    case $2 in *[!$3]*) fail "$1 has a value that cannot be used." ;; esac
}

check_all() {
    path='A-Za-z0-9._/-'
    check BROWSE_PROXY_STATE "$state" "$path"
    check BROWSE_PROXY_RUN "$run" "$path"
    check BROWSE_TLS_CERTIFICATE "$certificate" "$path"
    check BROWSE_TLS_KEY "$key" "$path"
    check BROWSE_PROXY_NAME "$name" 'A-Za-z0-9.-'
    check BROWSE_PROXY_HOST "$host" '0-9.'
    check BROWSE_PROXY_RESOLVER "$resolver" '0-9.:'
    check BROWSE_PROXY_TRIES "$tries" '0-9'
    check BROWSE_PROXY_PORT "$port" '0-9'
    check BROWSE_PROXY_TLS_PORT "$tls_port" '0-9'
    check BROWSE_PROXY_TLS_PUBLIC_PORT "$tls_public_port" '0-9'
    case $tls in on | off) ;; *) fail "BROWSE_TLS is neither on nor off." ;; esac
    [ "$(id -u)" != 0 ] || fail "the proxy needs no root; run it as another user."
    mkdir -p "$state" "$run" 2>/dev/null && [ -w "$state" ] && [ -w "$run" ] ||
        fail "BROWSE_PROXY_STATE ($state) and BROWSE_PROXY_RUN ($run) must be folders that this user may write."
    chmod 700 "$state" "$run"
}

# Sets $given: the password from the variable, or from the file that the *_FILE variable names; empty for none.
read_given() { # variable
    eval "given=\${$1:-}; from=\${$1_FILE:-}"
    if [ -z "$given" ] && [ -n "$from" ]; then
        [ -r "$from" ] || fail "$1_FILE names a file that cannot be read."
        IFS= read -r given <"$from" || [ -n "$given" ] || fail "$1_FILE names an empty file."
    fi
    [ -z "$given" ] || [ "${#given}" -ge 12 ] || fail "$1 is shorter than 12 characters."
}

# Only builtins and standard input see a password: the arguments of a process can be read by everybody.
store() { # user, password
    hashed=$(printf '%s\n' "$2" | openssl passwd -6 -stdin)
    printf '%s:%s\n' "$1" "$hashed" >"$state/$1.part"
}

keep_password() { # user, password or nothing
    if [ -n "$2" ]; then
        store "$1" "$2"
    elif [ -s "$state/$1" ]; then
        return
    else
        made=$(random)
        store "$1" "$made"
        echo "Password of the user $1, made at this first start and shown only now: $made"
        echo "Its hash is in $state/$1; remove that file, and the next start makes another."
    fi
    mv "$state/$1.part" "$state/$1"
}

keep_passwords() {
    read_given BROWSE_ADMIN_PASSWORD
    admin=$given
    read_given BROWSE_VIEWER_PASSWORD
    viewer=$given
    [ -z "$admin" ] || [ "$admin" != "$viewer" ] || fail "admin and viewer have the same password."
    keep_password admin "$admin"
    keep_password viewer "$viewer"
    cat "$state/admin" >"$state/admins"
    cat "$state/admin" "$state/viewer" >"$state/viewers"
    unset BROWSE_ADMIN_PASSWORD BROWSE_VIEWER_PASSWORD admin viewer given
}

keep_certificate() {
    if [ -e "$certificate" ] || [ -e "$key" ]; then
        [ -r "$certificate" ] && [ -r "$key" ] || fail "BROWSE_TLS_CERTIFICATE and BROWSE_TLS_KEY must both be readable."
        return
    fi
    certificate=$state/self-signed.crt
    key=$state/self-signed.key
    # Made again in its last month.
    if ! openssl x509 -checkend 2592000 -noout -in "$certificate" >/dev/null 2>&1; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 397 -subj "/CN=$name" \
            -addext "subjectAltName=DNS:$name,DNS:localhost,IP:127.0.0.1" \
            -keyout "$key" -out "$certificate" 2>/dev/null || fail "openssl could not make a certificate."
    fi
    echo "The certificate is self-signed: browsers warn of it. Its own, instead: BROWSE_TLS_CERTIFICATE, BROWSE_TLS_KEY."
    openssl x509 -in "$certificate" -noout -fingerprint -sha256
}

# A name is looked up once, or, with BROWSE_PROXY_RESOLVER, again every ten seconds.
write_upstream() { # name, variable, default
    eval "address=\${$2:-$3}"
    check "$2" "$address" 'A-Za-z0-9._:-'
    if [ -n "$resolver" ]; then
        printf 'map "" $%s_server { default %s; }\n' "$1" "$address"
    else
        printf 'upstream %s_upstream { server %s; keepalive 16; }\n' "$1" "$address"
        printf 'map "" $%s_server { default %s_upstream; }\n' "$1" "$1"
    fi
}

render() { # file of this folder, file in the run folder
    sed -e "s|@RUN@|$run|g; s|@STATE@|$state|g; s|@HOST@|$host|g; s|@PORT@|$port|g; s|@TLS_PORT@|$tls_port|g" \
        -e "s|@TLS_PUBLIC_PORT@|$tls_public_port|g; s|@CERTIFICATE@|$certificate|g; s|@KEY@|$key|g; s|@TRIES@|$tries|g; s|@ACCESS_LOG@|$access_log|g" \
        -e "s|@ADMIN_TOKEN@|$admin_token|g; s|@VIEWER_TOKEN@|$viewer_token|g" "$here/$1" >"$run/$2"
}

write_configuration() {
    # nginx opens it by name, which fails where another user owns the pipe or file behind it.
    access_log="/dev/stdout door"
    if ! (: >>/dev/stdout) 2>/dev/null; then
        access_log=off
        echo "No access log: this user cannot open its standard output."
    fi
    admin_token=$(random)
    viewer_token=$(random)
    {
        [ -z "$resolver" ] || echo "resolver $resolver valid=10s;"
        write_upstream dagster BROWSE_UPSTREAM_DAGSTER dagster:3000
        write_upstream view BROWSE_UPSTREAM_VIEW dagster-view:3001
        write_upstream mlflow BROWSE_UPSTREAM_MLFLOW mlflow:5000
    } >"$run/upstreams.conf"
    for file in nginx.conf doors.conf answers.conf mlflow_answers.conf; do
        render "$file" "$file"
    done
    if [ "$tls" = on ]; then render servers_tls.conf servers.conf; else render servers_plain.conf servers.conf; fi
    mkdir -p "$run/page"
    cat "$here/index.html" >"$run/page/index.html"
}

check_all
keep_passwords
[ "$tls" = off ] || keep_certificate
write_configuration
nginx -t -q -e stderr -c "$run/nginx.conf" || fail "nginx does not take the configuration (see above)."
if [ "$tls" = on ]; then echo "Listening: https on port $tls_port."; else
    echo "Listening: http on port $port. Passwords travel readable: only behind something that speaks TLS (or BROWSE_TLS=on)."
fi
exec nginx -e stderr -c "$run/nginx.conf"
