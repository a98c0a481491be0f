#!/usr/bin/env bats
# Runs on: once
#
# The parsers of HTTP without a server: bytes and what is made of them, in tables that http_bytes
# reads (test/probes/http_bytes.c says how). What is in them of bytes is cut into pieces in every
# way, too.

load lib

setup() {
    HTTP_BYTES=$BIN/test/http_bytes
}

# right MODE [ARGUMENT...]: every line of the table on stdin is; and there is a table
right() {
    local said
    said=$("$HTTP_BYTES" "$@" 2>&1) || fail "$said" || return
    [[ $said =~ ^[1-9][0-9]*\ right$ ]] || fail "it said: $said"
}

# What is asked for often, and what is wrong in each of the ways that are known.
heads() {
    cat <<'END'
GET / 1.1 Host=a                        | GET / HTTP/1.1\r\nHost: a\r\n\r\n
HEAD /a/b?c 1.1 Host=a                  | HEAD /a/b?c HTTP/1.1\r\nHost: a\r\n\r\n
PUT /x 1.1 Host=a Content-Length=3 +abc | PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc
DELETE /x 1.1 Host=a                    | DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n
OPTIONS * 1.1 Host=a                    | OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n
MKCOL /d/ 1.1 Host=a                    | MKCOL /d/ HTTP/1.1\r\nHost: a\r\n\r\n
GET / 1.0                               | GET / HTTP/1.0\r\n\r\n
GET / 1.0 Host=a                        | GET / HTTP/1.0\r\nHost: a\r\n\r\n
GET / 1.1 Host=a                        | GET / HTTP/1.2\r\nHost: a\r\n\r\n
GET / 1.1 Host=a                        | GET / HTTP/1.9\r\nHost: a\r\n\r\n
GET / 1.1 Host=a +GET / HTTP/1.1\r\n    | GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n
GET / 1.1 Host=a +\r\n                  | GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n
GET / 1.1 Host=a +\x16\x00              | GET / HTTP/1.1\r\nHost: a\r\n\r\n\x16\0
GET http://a/b 1.1 Host=a               | GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n
GET /\xff\|"{}\\^` 1.1 Host=a           | GET /\xff\|"{}\\^` HTTP/1.1\r\nHost: a\r\n\r\n

# Pieces of a head are no head yet.
more | G
more | GET
more | GET / HTTP/1.
more | GET / HTTP/1.1\r
more | GET / HTTP/1.1\r\n
more | GET / HTTP/1.1\r\nHo
more | GET / HTTP/1.1\r\nHost: a
more | GET / HTTP/1.1\r\nHost: a\r\n
more | GET / HTTP/1.1\r\nHost: a\r\n\r

# Values: blanks around them are not theirs, and they may be empty (RFC 9112 section 5.1).
GET / 1.1 host=a A=b           | GET / HTTP/1.1\r\nhost:a\r\nA:b\r\n\r\n
GET / 1.1 Host=a A=b  c        | GET / HTTP/1.1\r\nHost: \t a \t\r\nA:  b  c  \r\n\r\n
GET / 1.1 Host=a A=b\tc        | GET / HTTP/1.1\r\nHost: a\r\nA: b\tc\r\n\r\n
GET / 1.1 Host= A= B=          | GET / HTTP/1.1\r\nHost:\r\nA: \r\nB:\t \t\r\n\r\n
GET / 1.1 Host=a A=:: b:       | GET / HTTP/1.1\r\nHost: a\r\nA: :: b:\r\n\r\n
GET / 1.1 Host=a A=\x80\xff    | GET / HTTP/1.1\r\nHost: a\r\nA: \x80\xff\r\n\r\n
GET / 1.1 Host=a A=1 A=2 a=3   | GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nA: 2\r\na: 3\r\n\r\n

# Empty lines before the request: a few (RFC 9112 section 2.2).
GET / 1.1 Host=a | \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n
GET / 1.1 Host=a | \r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n
400@9            | \r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n
400@1            | \nGET / HTTP/1.1\r\nHost: a\r\n\r\n
400@2            | \r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n
400@1            |  GET / HTTP/1.1\r\nHost: a\r\n\r\n

# A line ends in CR LF, and in nothing else.
400@15 | GET / HTTP/1.1\nHost: a\n\n
400@16 | GET / HTTP/1.1\rHost: a\r\r
400@16 | GET / HTTP/1.1\r\rHost: a\r\n\r\n
400@24 | GET / HTTP/1.1\r\nHost: a\n\r\n
400@25 | GET / HTTP/1.1\r\nHost: a\r \r\n\r\n
400@25 | GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n
400@26 | GET / HTTP/1.1\r\nHost: a\r\n\nX: b
400@27 | GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n
400@24 | GET / HTTP/1.1\r\nHost: a\n\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n

# Fields: folded, nameless, with a blank before the colon, without a colon, no token.
400@17 | GET / HTTP/1.1\r\n Host: a\r\n\r\n
400@17 | GET / HTTP/1.1\r\n\tHost: a\r\n\r\n
400@26 | GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n
400@26 | GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n
400@26 | GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n
400@21 | GET / HTTP/1.1\r\nHost : a\r\n\r\n
400@21 | GET / HTTP/1.1\r\nHost\t: a\r\n\r\n
400@27 | GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n
400@17 | GET / HTTP/1.1\r\n: a\r\n\r\n
400@26 | GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n
400@21 | GET / HTTP/1.1\r\nHost\r\n\r\n
400@21 | GET / HTTP/1.1\r\nHost\n\r\n
400@18 | GET / HTTP/1.1\r\nH(st: a\r\n\r\n
400@18 | GET / HTTP/1.1\r\nH@st: a\r\n\r\n
400@18 | GET / HTTP/1.1\r\nH\0st: a\r\n\r\n
400@18 | GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\n\r\n
400@17 | GET / HTTP/1.1\r\n\0Host: a\r\n\r\n
400@17 | GET / HTTP/1.1\r\n"Host": a\r\n\r\n
400@24 | GET / HTTP/1.1\r\nHost: a\0\r\n\r\n
400@24 | GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n
400@24 | GET / HTTP/1.1\r\nHost: a\x0b\r\n\r\n
400@24 | GET / HTTP/1.1\r\nHost: a\x1b[2J\r\n\r\n
400@23 | GET / HTTP/1.1\r\nHost: \x7f\r\n\r\n

# Host (RFC 9112 section 3.2).
400@18 | GET / HTTP/1.1\r\n\r\n
400@24 | GET / HTTP/1.1\r\nX: b\r\n\r\n
400@26 | GET / HTTP/1.1\r\nHo: st\r\n\r\n\r\n
400@36 | GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n
400@36 | GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n
400@36 | GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n
400@18 | GET / HTTP/1.2\r\n\r\n

# Methods: no tokens, and those that nobody knows.
400@1  | (GET / HTTP/1.1\r\nHost: a\r\n\r\n
400@4  | GET: / HTTP/1.1\r\nHost: a\r\n\r\n
400@4  | GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n
400@4  | GET\r\n\r\n
400@4  | GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n
400@1  | \x80GET / HTTP/1.1\r\nHost: a\r\n\r\n
501@17 | POST / HTTP/1.1\r\nHost: a\r\n\r\n
501@16 | get / HTTP/1.1\r\nHost: a\r\n\r\n
501@16 | Put / HTTP/1.1\r\nHost: a\r\n\r\n
501@18 | TRACE / HTTP/1.1\r\nHost: a\r\n\r\n
501@24 | CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n
501@21 | PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n
501@17 | GETS / HTTP/1.1\r\nHost: a\r\n\r\n
501@15 | GE / HTTP/1.1\r\nHost: a\r\n\r\n
501@23 | !#$%&'*+-. / HTTP/1.1\r\nHost: a\r\n\r\n
501@33 | \{40 A} / HTTP/1.1\r\nHost: a\r\n\r\n

# Versions: what is none, and what is not spoken.
505@7  | GET /\r\n
505@7  | GET /\r\nHost: a\r\n\r\n
400@6  | GET /\nHost: a\r\n\r\n
400@7  | GET /\rHost: a\r\n\r\n
505@16 | GET / HTTP/0.9\r\n\r\n
505@16 | GET / HTTP/2.0\r\nHost: a\r\n\r\n
505@16 | GET / HTTP/3.0\r\nHost: a\r\n\r\n
505@16 | PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n
505@17 | POST / HTTP/2.0\r\n\r\n
505@16 | GET / HTTP/0.1\r\nHost: a\r\n\r\n
400@13 | GET / HTTP/2\r\nHost: a\r\n\r\n
400@7  | GET / http/1.1\r\nHost: a\r\n\r\n
400@10 | GET / HTTp/1.1\r\nHost: a\r\n\r\n
400@15 | GET / HTTP/1.1 \r\nHost: a\r\n\r\n
400@15 | GET / HTTP/1.10\r\nHost: a\r\n\r\n
400@13 | GET / HTTP/11\r\nHost: a\r\n\r\n
400@12 | GET / HTTP/x.1\r\nHost: a\r\n\r\n
400@14 | GET / HTTP/1.\r\nHost: a\r\n\r\n
400@13 | GET / HTTP/1,1\r\nHost: a\r\n\r\n
400@9  | GET / HTCPCP/1.0\r\nHost: a\r\n\r\n
400@7  | GET / \r\nHost: a\r\n\r\n
400@15 | GET / HTTP/1.1\0\r\nHost: a\r\n\r\n
400@8  | GET /a b HTTP/1.1\r\nHost: a\r\n\r\n

# Targets: none, and bytes that none has.
400@5  | GET \r\n
400@5  | GET  / HTTP/1.1\r\nHost: a\r\n\r\n
400@5  | GET \t/ HTTP/1.1\r\nHost: a\r\n\r\n
400@6  | GET /\t HTTP/1.1\r\nHost: a\r\n\r\n
400@6  | GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n
400@6  | GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n
400@7  | GET /\x20\x20HTTP/1.1\r\nHost: a\r\n\r\n

# Others that speak.
400@1  | \x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03
400@20 | SSH-2.0-OpenSSH_9.2\r\n
400@7  | GET x READY
400@9  | GET name\nOK

# Lengths: to the byte.
GET /\{7999 a} 1.1 Host=a               | GET /\{7999 a} HTTP/1.1\r\nHost: a\r\n\r\n
414@8005                                | GET /\{8000 a} HTTP/1.1\r\nHost: a\r\n\r\n
414@8005                                | GET /\{20000 a}
more                                    | GET /\{7999 a}
GET / 1.1 Host=a\{63  b=c}              | GET / HTTP/1.1\r\nHost: a\r\n\{63 b: c\r\n}\r\n
431@404                                 | GET / HTTP/1.1\r\nHost: a\r\n\{63 b: c\r\n}b: c\r\n\r\n
431@404                                 | GET / HTTP/1.1\r\nHost: a\r\n\{63 b: c\r\n}b
GET / 1.1 Host=a b=\{16352 c}           | GET / HTTP/1.1\r\nHost: a\r\nb: \{16352 c}\r\n\r\n
431@16384                               | GET / HTTP/1.1\r\nHost: a\r\nb: \{16353 c}\r\n\r\n
431@16384                               | GET / HTTP/1.1\r\nHost: a\r\nb: \{16354 c}\r\n\r\n
431@16384                               | GET / HTTP/1.1\r\nHost: a\r\nb: \{30000 c}
431@16384                               | GET / HTTP/1.1\r\nHost: a\r\n\{30000 b}
431@16384                               | GET / HTTP/1.1\r\nHost: a\r\nb:\{30000  }
431@16384                               | GET /\{7000 a} HTTP/1.1\r\nb:\{30000 a}
GET / 1.1 Host=a b=\{16352 c} +GET      | GET / HTTP/1.1\r\nHost: a\r\nb: \{16352 c}\r\n\r\nGET
GET / 1.1 Host=a b=                     | GET / HTTP/1.1\r\nHost: a\r\nb:\{16353  }\r\n\r\n
END
}

@test "a head is read, or refused at its first wrong byte, however it is cut into pieces" {
    heads | right head
}

@test "each byte may stand in a method, a target, a name and a value where the standard lets it" {
    # Only a method that is known is let through.
    assert_eq "$("$HTTP_BYTES" bytes 'G?T / HTTP/1.1\r\nHost: a\r\n\r\n')" '\x45 '
    assert_eq "$("$HTTP_BYTES" bytes 'GET /?a HTTP/1.1\r\nHost: a\r\n\r\n')" '\x21-\x7e \x80-\xff '
    # A token's bytes, and the colon, which ends it.
    assert_eq "$("$HTTP_BYTES" bytes 'GET / HTTP/1.1\r\nHost: a\r\nA?b: c\r\n\r\n')" \
        '\x21 \x23-\x27 \x2a-\x2b \x2d-\x2e \x30-\x3a \x41-\x5a \x5e-\x7a \x7c \x7e '
    assert_eq "$("$HTTP_BYTES" bytes 'GET / HTTP/1.1\r\nHost: a\r\nAb: c?d\r\n\r\n')" \
        '\x09 \x20-\x7e \x80-\xff '
    assert_eq "$("$HTTP_BYTES" bytes 'GET / HTTP/1?1\r\nHost: a\r\n\r\n')" '\x2e '
    assert_eq "$("$HTTP_BYTES" bytes 'GET / HTTP/?.1\r\nHost: a\r\n\r\n')" '\x31 '
    assert_eq "$("$HTTP_BYTES" bytes 'GET / HTTP/1.?\r\nHost: a\r\n\r\n')" '\x30-\x39 '
}

@test "a length is a number that a file can have, given once, and not beside Transfer-Encoding" {
    right framing <<'END'
none             | GET /
0                | PUT / | Content-Length: 0
5                | PUT / | Content-Length: 5
5                | PUT / | Content-Length: 0005
5                | PUT / | content-length:\t5\t
5                | PUT / HTTP/1.0 | Content-Length: 5
12               | PUT / | Content-Length: \{100 0}12
9223372036854775807 | PUT / | Content-Length: 9223372036854775807
413              | PUT / | Content-Length: 9223372036854775808
413              | PUT / | Content-Length: 18446744073709551615
413              | PUT / | Content-Length: 18446744073709551616
413              | PUT / | Content-Length: 18446744073709551621
413              | PUT / | Content-Length: 99999999999999999999999999999999999999
413              | PUT / | Content-Length: 1\{400 0}
400              | PUT / | Content-Length: 99999999999999999999x
400              | PUT / | Content-Length:
400              | PUT / | Content-Length: +5
400              | PUT / | Content-Length: -5
400              | PUT / | Content-Length: -0
400              | PUT / | Content-Length: 5 5
400              | PUT / | Content-Length: 5, 5
400              | PUT / | Content-Length: 5,6
400              | PUT / | Content-Length: 5,
400              | PUT / | Content-Length: 0x5
400              | PUT / | Content-Length: 5.0
400              | PUT / | Content-Length: 5e1
400              | PUT / | Content-Length: "5"
400              | PUT / | Content-Length: five
400              | PUT / | Content-Length: \xb2
400              | PUT / | Content-Length: 5 | Content-Length: 5
400              | PUT / | Content-Length: 5 | Content-Length: 6
400              | PUT / | Content-Length: 5 | X: y | CONTENT-LENGTH: 5
chunked          | PUT / | Transfer-Encoding: chunked
chunked          | PUT / | transfer-encoding: CHUNKED
400              | PUT / | Transfer-Encoding: chunked | Content-Length: 5
400              | PUT / | Content-Length: 5 | Transfer-Encoding: chunked
400              | PUT / | Content-Length: 0 | Transfer-Encoding: identity
400              | PUT / | Content-Length: 5 | Transfer-Encoding:
400              | PUT / HTTP/1.0 | Transfer-Encoding: chunked
400              | PUT / | Transfer-Encoding: gzip
501              | PUT / | Transfer-Encoding: gzip, chunked
400              | PUT / | Transfer-Encoding: chunked, gzip
501              | PUT / | Transfer-Encoding: chunked, chunked
400              | PUT / | Transfer-Encoding: chunked | Transfer-Encoding: chunked
400              | PUT / | Transfer-Encoding: identity
400              | PUT / | Transfer-Encoding: xchunked
400              | PUT / | Transfer-Encoding: chunked;q=1
400              | PUT / | Transfer-Encoding: "chunked"
400              | PUT / | Transfer-Encoding: chunked,
400              | PUT / | Transfer-Encoding:
5 expects        | PUT / | Content-Length: 5 | Expect: 100-continue
chunked expects  | PUT / | Transfer-Encoding: chunked | expect: 100-Continue
5                | PUT / HTTP/1.0 | Content-Length: 5 | Expect: 100-continue
5                | PUT / HTTP/1.0 | Content-Length: 5 | Expect: nothing
417              | PUT / | Content-Length: 5 | Expect: 200-ok
417              | PUT / | Content-Length: 5 | Expect: 100-continue, more
417              | PUT / | Content-Length: 5 | Expect: 100-continue | Expect: more
END
}

@test "a target is decoded once, and what would leave the root is refused" {
    right target <<'END'
. directory                             | GET /
a                                       | GET /a
a/b                                     | GET /a/b
a directory                             | GET /a/
a directory spare=1                     | GET /a//
a//b                                    | GET /a//b
a/./b                                   | GET /a/./b
. directory                             | GET /.
. directory                             | GET /./
. directory                             | GET /%2e
.. .                                    | GET /..%20.
...                                     | GET /...
..a                                     | GET /..a
a..                                     | GET /a..
.a                                      | GET /.a
a b                                     | GET /a%20b
a%20b                                   | GET /a%2520b
%2e%2e                                  | GET /%252e%252e
a+b                                     | GET /a+b
\xc3\xa9                                | GET /%C3%a9
\xc3\xa9                                | GET /\xc3\xa9
\xff\xfe                                | GET /%ff\xfe
a\nb                                    | GET /a%0Ab
\x01\x7f                                | GET /%01%7f
\\..\\a                                 | GET /\\..\\a
a?b#c                                   | GET /a%3Fb%23c
\|"{}<>^`[]'();:@&=$,!                  | GET /\|"{}<>^`[]'();:@&=$,!

# Out of the root, in any spelling.
400 | GET /..
400 | GET /../
400 | GET /../a
400 | GET /a/..
400 | GET /a/../
400 | GET /a/../b
400 | GET /a/../../b
400 | GET /a//../b
400 | GET /./..
400 | GET /%2e%2e
400 | GET /%2E%2e/a
400 | GET /.%2e/a
400 | GET /%2e./a
400 | GET /a/%2e%2E
400 | GET /a/..?json
400 | GET //
400 | GET //a
400 | GET ///a
400 | GET //etc/passwd
400 | GET /%2Fetc
400 | GET /a%2fb
400 | GET /a%2F..%2fb
400 | GET /%2f
400 | GET /%00
400 | GET /a%00
400 | GET /a%00.txt

# Escapes that are none.
400 | GET /%
400 | GET /a%
400 | GET /%4
400 | GET /%4?1
400 | GET /%4/1
400 | GET /%g1
400 | GET /%1g
400 | GET /%%41
400 | GET /%-1

# Neither a path nor a URL of ours.
400 | GET a
400 | GET .
400 | GET ..
400 | GET ?json
400 | GET %2f
400 | GET \\a
400 | GET a:80
400 | GET /a#b
400 | GET /#
400 | GET /?a#b
400 | GET http://a#b
400 | GET https://a/
400 | GET ftp://a/b
400 | GET file:///a
400 | GET http:/a
400 | GET http:a
400 | GET xhttp://a/b
400 | GET *
400 | PUT *
400 | OPTIONS **
400 | OPTIONS *?json
 asterisk                               | OPTIONS *
. directory                             | OPTIONS /

# The absolute form.
. directory authority=a                 | GET http://a
. directory authority=a                 | GET http://a/
. directory json authority=a query=json | GET http://a?json
b authority=a:80                        | GET http://a:80/b
b/c directory authority=A               | GET HTTP://A/b/c/
b authority=[::1]:8                     | GET hTTp://[::1]:8/b
b authority=u:p@a                       | GET http://u:p@a/b
b authority=                            | GET http:///b
400 | GET http://a//b
400 | GET http://a/../b
400 | GET http://a/%2e%2e/b
400 | GET http://a/%2fb

# The query.
a json query=json                       | GET /a?json
a json query=json=1                     | GET /a?json=1
a json download query=download&json     | GET /a?download&json
a json download query=x=1&json=&&download=no | GET /a?x=1&json=&&download=no
a query=                                | GET /a?
a query=JSON                            | GET /a?JSON
a query=xjson&jsonx&x=json              | GET /a?xjson&jsonx&x=json
a query=json;download                   | GET /a?json;download
a query=%6Ason&%zz%00/../               | GET /a?%6Ason&%zz%00/../
a json query=?&json                     | GET /a??&json
. directory json query=json             | GET /?json
a directory download query=download     | GET /a/?download

# Lengths: of the name, as it is when it is decoded.
\{1024 a}                               | GET /\{1024 a}
414                                       | GET /\{1025 a}
\{1024 a}                               | GET /\{1024 %61}
414                                       | GET /\{1025 %61}
\{1023 a} directory                     | GET /\{1023 a}/
414                                       | GET /\{1024 a}/
a directory spare=1022                  | GET /a\{1023 /}
414                                       | GET /a\{1024 /}
a query=\{7000 b}                       | GET /a?\{7000 b}
END
}

@test "a Host is an address, localhost, this machine's name or one that was given" {
    right gate Box.example.org files.example.com. other <<'END'
# Addresses, which nobody can lead elsewhere.
0   | GET / | Host: 127.0.0.1
0   | GET / | Host: 127.0.0.1:8000
0   | GET / | Host: 192.168.1.20:80
0   | GET / | Host: 8.8.8.8:
0   | GET / | Host: 0.0.0.0
0   | GET / | Host: 255.255.255.255
0   | GET / | Host: 127.0.0.1.
0   | GET / | Host: [::1]
0   | GET / | Host: [::1]:8000
0   | GET / | Host: [FE80::1]
0   | GET / | Host: [::ffff:127.0.0.1]:80
0   | GET / | Host: [1111:2222:3333:4444:5555:6666:7777:8888]
# What only some would take for one.
421 | GET / | Host: 127.1
421 | GET / | Host: 127.0.1
421 | GET / | Host: 2130706433
421 | GET / | Host: 0x7f000001
421 | GET / | Host: 0177.0.0.1
421 | GET / | Host: 127.0.0.01
421 | GET / | Host: 127.0.0.1.nip.io
421 | GET / | Host: 127.0.0.256
421 | GET / | Host: 127.0.0.1.1
421 | GET / | Host: 127..0.1
421 | GET / | Host: .127.0.0.1
421 | GET / | Host: 127.0.0.1..
421 | GET / | Host: 1270.0.0.1
421 | GET / | Host: 127.0.0.
421 | GET / | Host: 127.0.0.1e
# localhost.
0   | GET / | Host: localhost
0   | GET / | Host: LocalHost:8000
0   | GET / | Host: localhost.
0   | GET / | Host: a.localhost
0   | GET / | Host: a.b.LOCALHOST.:80
421 | GET / | Host: notlocalhost
421 | GET / | Host: localhost.example.org
421 | GET / | Host: localhost..
421 | GET / | Host: .localhost.evil
421 | GET / | Host: .localhost
# This machine's name, and the first part of it.
0   | GET / | Host: box.example.org
0   | GET / | Host: BOX.EXAMPLE.ORG.:8000
0   | GET / | Host: box
0   | GET / | Host: box.:80
0   | GET / | Host: box.local
0   | GET / | Host: Box.Local.
421 | GET / | Host: box.example
421 | GET / | Host: box.example.orgs
421 | GET / | Host: x.box.example.org
421 | GET / | Host: example.org
421 | GET / | Host: bo
421 | GET / | Host: boxx
421 | GET / | Host: box.locals
421 | GET / | Host: box.local.evil.example
421 | GET / | Host: boxxlocal
# Those that were given.
0   | GET / | Host: files.example.com
0   | GET / | Host: FILES.example.com.:1
0   | GET / | Host: other
421 | GET / | Host: example.com
421 | GET / | Host: files
421 | GET / | Host: files.local
421 | GET / | Host: other.local
421 | GET / | Host: files-example.com
421 | GET / | Host: evil.example
421 | GET / | Host: a_b
421 | GET / | Host: a%2eb
421 | GET / | Host: a,localhost
# None at all.
421 | GET / | Host:
421 | GET / | Host: :8000
421 | GET / | Host: .
0   | GET / HTTP/1.0
421 | GET / HTTP/1.0 | Host: evil.example
421 | GET / HTTP/1.0 | Host:
400 | GET / | Host: localhost:80000
400 | GET / | Host: localhost:99999999999999999999
400 | GET / | Host: localhost:8x
400 | GET / | Host: localhost:-1
400 | GET / | Host: localhost:80:80
400 | GET / | Host: user@localhost
400 | GET / | Host: user:pass@localhost
400 | GET / | Host: localhost/
400 | GET / | Host: http://localhost
400 | GET / | Host: local host
400 | GET / | Host: localhost, localhost\x09x
400 | GET / | Host: localhost?
400 | GET / | Host: localhost#
400 | GET / | Host: localhost\\@evil
400 | GET / | Host: \xc3\xa9.localhost
400 | GET / | Host: "localhost"
400 | GET / | Host: ::1
400 | GET / | Host: [::1
400 | GET / | Host: ::1]
400 | GET / | Host: []
400 | GET / | Host: [localhost]
400 | GET / | Host: [127.0.0.1]
400 | GET / | Host: [::1]x
400 | GET / | Host: [::1]]
400 | GET / | Host: [::1].localhost
400 | GET / | Host: [fe80::1%25eth0]
400 | GET / | Host: [\{60 1}]
400 | GET /
400 | GET / | Host: localhost | Host: localhost
# The absolute form has one of its own.
0   | GET http://localhost/ | Host: localhost
0   | GET http://localhost/ | Host: evil.example
421 | GET http://evil.example/ | Host: localhost
421 | GET http://evil.example | Host: localhost
0   | GET http://[::1]:80?a | Host: localhost
400 | GET http://a@localhost/ | Host: localhost
400 | GET http://localhost\\@evil/ | Host: localhost
400 | GET http:/// | Host: localhost
400 | GET http://:80/ | Host: localhost
400 | GET http://localhost/ | Host: a b
400 | GET http://localhost:x/ | Host: localhost
400 | GET http://[]/ | Host: localhost
421 | GET http://evil.example/ HTTP/1.0
0   | GET http://localhost/ HTTP/1.0
0   | OPTIONS * | Host: localhost
421 | OPTIONS * | Host: evil.example
END
}

@test "a machine without a name is known by no name, and none is known by an empty one" {
    right gate '' <<'END'
0   | GET / | Host: localhost
421 | GET / | Host: local
421 | GET / | Host: .local
421 | GET / | Host:
421 | GET / | Host: .
END
    right gate box. '' <<'END'
0   | GET / | Host: box
0   | GET / | Host: box.local
421 | GET / | Host:
END
}

@test "a page from elsewhere may make a browser read, but not change anything" {
    right gate box <<'END'
0   | PUT /a    | Host: localhost:8000
0   | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8000
0   | DELETE /a | Host: localhost:8000 | Origin: http://localhost:8000
0   | MKCOL /a  | Host: localhost:8000 | Origin: http://localhost:8000
0   | PUT /a    | Host: LOCALHOST:8000 | Origin: HTTP://localhost:8000
0   | PUT /a    | Host: box | Origin: http://box
0   | PUT /a    | Host: box:80 | Origin: http://box
0   | PUT /a    | Host: box | Origin: http://box:80
0   | PUT /a    | Host: box: | Origin: http://box
0   | PUT /a    | Host: box:080 | Origin: http://box
0   | PUT /a    | Host: [::1]:8000 | Origin: http://[::1]:8000
0   | PUT /a    | Host: 10.0.0.1:8000 | Origin: http://10.0.0.1:8000
# Behind a proxy that speaks HTTPS.
0   | PUT /a    | Host: box | Origin: https://box
0   | PUT /a    | Host: box:443 | Origin: https://box
0   | PUT /a    | Host: box | Origin: https://box:443
0   | PUT /a    | Host: box:8443 | Origin: https://box:8443
403 | PUT /a    | Host: box:80 | Origin: https://box
403 | PUT /a    | Host: box:443 | Origin: http://box
403 | PUT /a    | Host: box | Origin: https://box:8443
# Another host, another port, or what no address bar shows.
403 | PUT /a    | Host: localhost:8000 | Origin: http://evil.example
403 | DELETE /a | Host: localhost:8000 | Origin: http://evil.example
403 | MKCOL /a  | Host: localhost:8000 | Origin: http://evil.example
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8001
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:80000
403 | PUT /a    | Host: localhost | Origin: http://localhost:8000
403 | PUT /a    | Host: localhost:8000 | Origin: http://127.0.0.1:8000
403 | PUT /a    | Host: localhost:8000 | Origin: http://a.localhost:8000
403 | PUT /a    | Host: a.localhost:8000 | Origin: http://localhost:8000
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8000.evil.example
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8000@evil.example
403 | PUT /a    | Host: localhost:8000 | Origin: http://evil@localhost:8000
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8000/
403 | PUT /a    | Host: localhost:8000 | Origin: null
403 | PUT /a    | Host: localhost:8000 | Origin:
403 | PUT /a    | Host: localhost:8000 | Origin: localhost:8000
403 | PUT /a    | Host: localhost:8000 | Origin: //localhost:8000
403 | PUT /a    | Host: localhost:8000 | Origin: http://
403 | PUT /a    | Host: localhost:8000 | Origin: http:
403 | PUT /a    | Host: localhost:8000 | Origin: ftp://localhost:8000
403 | PUT /a    | Host: localhost:8000 | Origin: file://
403 | PUT /a    | Host: localhost:8000 | Origin: moz-extension://localhost:8000
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8000 http://evil.example
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8000, http://evil.example
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8000 | Origin: http://evil.example
403 | PUT /a    | Host: localhost:8000 | Origin: http://localhost:8000 | Origin: http://localhost:8000
403 | PUT /a HTTP/1.0 | Origin: http://evil.example
403 | PUT /a HTTP/1.0 | Origin: http://
403 | PUT /a HTTP/1.0 | Origin: http://:80
0   | PUT /a HTTP/1.0
# What a newer browser says of it.
0   | PUT /a    | Host: box | Sec-Fetch-Site: same-origin
0   | PUT /a    | Host: box | Sec-Fetch-Site: none
0   | PUT /a    | Host: box | Sec-Fetch-Site: new-word
403 | PUT /a    | Host: box | Sec-Fetch-Site: cross-site
403 | PUT /a    | Host: box | Sec-Fetch-Site: same-site
403 | PUT /a    | Host: box | sec-fetch-site: Cross-Site
403 | PUT /a    | Host: box | Sec-Fetch-Site: none, cross-site
403 | PUT /a    | Host: box | Sec-Fetch-Site: cross-site;a
403 | PUT /a    | Host: box | Sec-Fetch-Site: none | Sec-Fetch-Site: cross-site
403 | PUT /a    | Host: box | Origin: http://box | Sec-Fetch-Site: cross-site
403 | DELETE /a | Host: box | Origin: http://box | Sec-Fetch-Site: same-site
# To read is not to change.
0   | GET /a     | Host: box | Origin: http://evil.example | Sec-Fetch-Site: cross-site
0   | HEAD /a    | Host: box | Origin: null
0   | OPTIONS /a | Host: box | Origin: http://evil.example | Sec-Fetch-Site: cross-site
# The absolute form says who is asked, and no Host beside it. A Host of another name is first.
0   | PUT http://box/a | Host: other | Origin: http://box
403 | PUT http://box/a | Host: localhost | Origin: http://localhost
421 | PUT /a     | Host: evil.example | Origin: http://evil.example
400 | PUT /a     | Host: evil@box | Origin: http://box
END
}

@test "a name is encoded so that it can stand in a path, and is cut where there is no room" {
    right encode <<'END'
a/b.c-d_e~f              | a/b.c-d_e~f
a%20b%2520%3F%23%26%2B   | a b%20?#&+
%00%0A%7F%80%C3%A9%FF    | \0\n\x7f\x80\xc3\xa9\xff
%3C%3E%22%27%26%5C%3A    | <>"'&\\:
AZaz09                   | AZaz09
                         | a | 0
                         | a | 1
a                        | ab | 2
                         | \x20 | 3
%20                      | \x20a | 4
%20a                     | \x20a | 5
END
}

@test "a list has an item, whatever its case, its parameters and the blanks around it" {
    right list <<'END'
yes | a              | a
yes | A              | a
yes | b, a           | a
yes | b,a,c          | a
yes | ,, ,a          | a
yes | b;x="1,2", a   | a
yes | a;q=1          | a
yes | a ;q=1         | a
yes | application/json;charset=utf-8, */* | application/json
yes | b;x="\\", a;y="\\"\\\\", a          | a
no  | b              | a
no  | ab             | a
no  | ba             | a
no  | b a            | a
no  | b;a            | a
no  | b;x="1, a, 2"  | a
no  | b;x="1, a      | a
no  | b="            | a
no  |                | a
no  | ,              | a
END
}

# Bodies in chunks.
bodies() {
    cat <<'END'
end                 | 0\r\n\r\n
end abc             | 3\r\nabc\r\n0\r\n\r\n
end abcdefg         | 3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n
end \r\n0\r\n\r\n   | 7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n
end abcdefghijklmnopqrstuvwxyz | 1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n
end abcdefghij      | a\r\nabcdefghij\r\n0\r\n\r\n
end abc             | \{100 0}3\r\nabc\r\n000\r\n\r\n
end abc +GET        | 3\r\nabc\r\n0\r\n\r\nGET
end \0\xff          | 2\r\n\0\xff\r\n0\r\n\r\n
end \{3000 x}       | bB8\r\n\{3000 x}\r\n0\r\n\r\n
end abc             | 3;a\r\nabc\r\n0;b=c;d="e;f"\r\n\r\n
end abc             | 3 ;a=b\r\nabc\r\n0\t;\r\n\r\n
end abc             | 3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n
end abc +x          | 3\r\nabc\r\n0\r\nA: \x80\r\n\r\nx
more                | 3
more                | 3\r
more                | 3\r\n
more ab             | 3\r\nab
more abc            | 3\r\nabc
more abc            | 3\r\nabc\r\n
more abc            | 3\r\nabc\r\n0\r\n
more abc            | 3\r\nabc\r\n0\r\n\r
more abc            | 3\r\nabc\r\n0\r\nA: b\r\n

# Sizes: none, signed, of another kind, too large.
wrong@1             | \r\nabc
wrong@1             | ;a\r\nabc
wrong@1             |  3\r\nabc
wrong@1             | -3\r\nabc
wrong@1             | +3\r\nabc
wrong@2             | 0x3\r\nabc
wrong@2             | 3g\r\nabc
wrong@2             | 3.0\r\nabc
wrong@2             | 3,3\r\nabc
wrong@2             | 3_\r\nabc
wrong@2             | 3\0\r\nabc
wrong@3             | 3 \r\nabc
wrong@3             | 3 3\r\nabc
wrong@4             | 3\t x;a\r\nabc
wrong@1             | x\r\nabc
wrong@1             | \xb3\r\nabc
more                | 7fffffffffffffff\r\n
wrong@16            | 8000000000000000\r\n
wrong@17            | 10000000000000003\r\nabc
wrong@16            | FFFFFFFFFFFFFFFFF\r\nabc
more                | 0000000000000000000000007fffffffffffffff\r\n
wrong@9 abc         | 3\r\nabc\r\n\r\n

# Ends of lines: nothing but CR LF.
wrong@2             | 3\nabc\n0\n\n
wrong@3             | 3\rabc\r\n0\r\n\r\n
wrong@3             | 3\r\rabc
wrong@4             | 3;a\nabc\r\n
wrong@5             | 3;a\rabc\r\n
wrong@7 abc         | 3\r\nabc\n0\r\n\r\n
wrong@8 abc         | 3\r\nabc\r0\r\n\r\n
wrong@7 abc         | 3\r\nabcd\r\n0\r\n\r\n
wrong@7 abc         | 3\r\nabc0\r\n\r\n
wrong@2             | 0\n\r\n
wrong@4             | 0\r\n\n
wrong@5             | 0\r\n\rx
wrong@8             | 0\r\nA: b\n\r\n
wrong@9             | 0\r\nA: b\rC: d\r\n\r\n

# Controls between the chunks.
wrong@3             | 3;\0\r\nabc
wrong@3             | 3;\x0b\r\nabc
wrong@3             | 3;\x7f\r\nabc
wrong@5             | 0\r\nA\0: b\r\n\r\n
end                 | 0;\t\x80\r\n\r\n

# Lines and trailers without end.
more                | 3;\{1020 a}\r\n
wrong@1025          | 3;\{1021 a}\r\n
wrong@1025          | 3;\{5000 a}
wrong@1025          | \{5000 0}
wrong@1025          | 3\{5000  }
end abc             | 3;\{1020 a}\r\nabc\r\n0;\{1020 a}\r\n\r\n
end                 | 0\r\nA:\{4090 b}\r\n\r\n
wrong@4100          | 0\r\nA:\{4091 b}\r\n\r\n
wrong@4100          | 0\r\n\{9000 b}
wrong@4100          | 0\r\n\{2000 a:b\r\n}\r\n
END
}

@test "a body in chunks is the same however it is cut into pieces, or none at its first wrong byte" {
    bodies | right chunks
}

@test "whatever comes, no parser reads past what it was given or cares how it was cut" {
    heads >"$BATS_TEST_TMPDIR/heads"
    bodies >"$BATS_TEST_TMPDIR/bodies"
    right fuzz head 40000 <"$BATS_TEST_TMPDIR/heads"
    right fuzz chunks 40000 <"$BATS_TEST_TMPDIR/bodies"
    # Where most bytes go on to the next parser: targets.
    right fuzz head 40000 <<'END'
0 | GET /a/b/../c%20d/%2e%2E/?json&download=1 HTTP/1.0\r\n\r\n
0 | OPTIONS http://[::1]:80/%41/./b//c/ HTTP/1.1\r\nHost: [::1]\r\n\r\n
0 | PUT http://127.0.0.1/x HTTP/1.1\r\nHost: localhost.:80\r\nOrigin: https://127.0.0.1\r\nContent-Length: 3\r\n\r\n
0 | DELETE /\{1020 a} HTTP/1.0\r\nHost: x\r\nOrigin: http://x:80\r\nSec-Fetch-Site: none\r\n\r\n
END
}
