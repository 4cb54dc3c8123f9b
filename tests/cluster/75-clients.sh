# shellcheck shell=bash
# shellcheck disable=SC2016
# Clients that an agent cannot choose.

# Three hundred writes on one connection, none of which waits for the answer to the one before.
case_requests_that_do_not_wait_are_all_answered() {
    local answers
    given_cluster
    answers=$(machine_exec m2 /usr/bin/python3 -c '
import socket
stream = socket.socket(socket.AF_UNIX)
stream.settimeout(30)
stream.connect("/run/shoal/shoal.sock")
for number in range(300):
    body = b"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"early-%d\"}}" % (number % 100)
    stream.sendall(b"POST /api/v1/namespaces HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
data = b""
while data.count(b"HTTP/1.1 ") < 300:
    piece = stream.recv(65536)
    if not piece:
        break
    data += piece
print(data.count(b"HTTP/1.1 201"), data.count(b"HTTP/1.1 409"))')
    expect_equal "made, and refused because they exist" "100 200" "$answers"
    expect_soon 20 "all are at m5" eval '[[ $(machine_exec m5 shoal get namespaces -o name | grep -c early-) == 100 ]]'
    machine_exec m1 bash -c 'for number in {0..99}; do echo "early-$number"; done | xargs -n 50 shoal delete namespace' >/dev/null
    then_clean
}
