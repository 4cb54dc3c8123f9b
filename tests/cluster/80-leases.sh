# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# Leases: one holder at a time, wherever one asks, and no answer without a majority of the voters.

# lease VIA METHOD PATH [BODY]: the API's answer, its status on a last line.
lease() {
    machine_exec "$1" curl -sS -m 20 --unix-socket /run/shoal/shoal.sock -w '\n%{http_code}' -X "$2" \
        -H 'Content-Type: application/json' ${4:+-d "$4"} \
        "http://shoal/apis/coordination.k8s.io/v1/namespaces/default/leases$3" </dev/null
}
# claim NAME HOLDER SECONDS [VERSION]: the body of a write.
claim() {
    printf '{"metadata":{"name":"%s"%s},"spec":{"holderIdentity":"%s","leaseDurationSeconds":%s}}' \
        "$1" "${4:+,\"resourceVersion\":\"$4\"}" "$2" "$3"
}
voters() { machine_exec "$1" shoal lease list -o json | jq '.roster | if (.next | length) == 0 then (.voters | length) else 0 end'; }
token() { machine_exec "$1" shoal lease show "$2" -o json | jq -r '.metadata.annotations["shoal.dev/fencing-token"]'; }

case_a_lease_has_one_holder_and_needs_a_majority() {
    local name first
    given_cluster
    expect_soon 60 "all five vote" eval '[[ $(voters m2) == 5 ]]'
    expect_match "taking a lease" '201$' "$(lease m1 POST '' "$(claim ctl me 5)")"
    first=$(token m4 ctl)
    expect_match "making it again elsewhere" 'already exists.*409$' "$(lease m3 POST '' "$(claim ctl you 5)" | tr '\n' ' ' | sed 's/ *$//')"
    expect_match "taking it while it is held" 'me holds it' "$(lease m3 PUT /ctl "$(claim ctl you 5)")"
    expect_match "renewing it by way of another machine" '200$' "$(lease m5 PUT /ctl "$(claim ctl me 5)")"
    expect_equal "the token after a renewal" "$first" "$(token m2 ctl)"

    # Two of five voters lose power: three decide.
    machine_power_off m4
    machine_power_off m5
    expect_match "renewing with three of five" '200$' "$(lease m2 PUT /ctl "$(claim ctl me 5)")"
    expect_soon 10 "another may have it when it has expired" eval '[[ $(lease m3 PUT /ctl "$(claim ctl you 60)") == *200 ]]'
    (($(token m1 ctl) > first)) || fail "the token did not rise"

    # A third: nobody decides, and says so.
    machine_power_off m3
    expect_fail 1 machine_exec m1 shoal lease list
    expect_match "without a majority" 'a majority of 3 is needed; nothing was changed' "$output"
    expect_match "writing" '50[34]$' "$(lease m2 PUT /ctl "$(claim ctl me 5)")"
    for name in m3 m4 m5; do machine_power_on "$name"; done
    for name in m3 m4 m5; do cluster_agent_spawn "$name"; done
    for name in m3 m4 m5; do cluster_await_agent "$name"; done
    expect_soon 20 "it is still held by the second holder" \
        eval '[[ $(machine_exec m1 shoal lease show ctl) == *"you"* ]]'
    cluster_await_members m1 5
    then_clean
}
