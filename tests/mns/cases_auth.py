"""Authorization, dates, versions, digests."""

import base64
import hashlib

from suite import (DOCS, KEYS, OURS, SDK_ALI_MNS, SDK_ALL, SDK_GO, SDK_JAVA, SDK_NODE, SDK_PYTHON, case, cases)
from wire import http_date, signature, string_to_sign

KEY = KEYS["ALIBABA_CLOUD_ACCESS_KEY_ID"]
SEND = "<Message><MessageBody>x</MessageBody></Message>"


def ask(t, **how):
    """A read of a queue that is there."""
    return t.call("GET", f"/queues/{t.queue()}", **how)


# -- signing --

JUNE = "Mon, 01 Jun 2026 12:00:00 GMT"
MNS_DATE = ("x-mns-date", JUNE)
V = ("x-mns-version", "2015-06-06")
MD5_3 = "ZjlhOTBmZjdiMTk2M2ZlNzk0NzIyMDQ4NWM0M2M1M2Q="
MD5_EMPTY = "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U="
HANDLE = "1-ODU4OTkzNDU5My0xNDM1MTk3NjAwLTItNg=="


@cases("signature version 2", [
    (f"signature_vector_{i}", f"this suite signs `{verb} {resource.split('?')[0]}` as the SDK for Node does", *row)
    for i, row in enumerate((
        ("TestAccessSecret", "GET", "/MyQueue", [("Date", "Thu, 09 Jul 2015 03:01:34 GMT"), V],
         "uwx3yeWoILzgmvesW0BQSgfM7b8="),
        ("ACCESS_KEY_SECRET", "PUT", "/", [("content-md5", "574683b3684e3cff610afa155cc2506d"),
                                           ("content-type", "text/xml"), ("date", "Tue, 11 Apr 2017 10:09:19 GMT"), V],
         "A9zehggaYHHujmuRMxGIDrhWwx8="),
        ("sluice-secret", "POST", "/queues/test-queue/messages", [("content-md5", MD5_3), ("content-type", "text/xml"),
                                                                   ("date", JUNE), V, MNS_DATE],
         "9qhyYEWmlf3UGRXmA6agRzHU+VA="),
        ("sluice-secret", "GET", "/queues/test-queue/messages?numOfMessages=16&waitseconds=30",
         [("date", JUNE), MNS_DATE, V], "tDyqYktjVh2TN6uAJ6+ciy4LQJQ="),
        ("sluice-secret", "GET", "/queues", [("date", JUNE), ("x-mns-ret-number", "10"), ("x-mns-prefix", "test"),
                                             V, ("x-mns-marker", "abc")], "t+Kyy82+KRxao+zTuAzMRN2948A="),
        ("sluice-secret", "DELETE", f"/queues/test-queue/messages?ReceiptHandle={HANDLE}",
         [("content-md5", MD5_EMPTY), ("content-type", "text/xml"), MNS_DATE, V], "M9Xu7ypKWRv89wlp9EE4PSpta6I=")), 1)
    for verb, resource in (row[1:3],)], SDK_NODE)
def signature_vector(t, secret, verb, resource, headers, wanted):
    t.equal(signature(secret, string_to_sign(verb, resource, headers)), wanted)


@case("any", "a signature made with another secret: 403, with the service's own words", DOCS, "recorded traffic")
def auth_secret(t):
    answer = t.refuses(ask(t, secret="wrong"), 403, "SignatureDoesNotMatch")
    t.equal(answer.find("Message"), "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.")


@case("any", "another key id: 403, with the service's own words", DOCS, "recorded traffic")
def auth_key_id(t):
    answer = t.refuses(ask(t, key="nobody"), 403, "InvalidAccessKeyId")
    t.equal(answer.find("Message"), "The access Id you provided does not exist.")


@case("any", "no Authorization header", DOCS)
def auth_missing(t):
    t.refuses(ask(t, authorization=None), 400, "MissingAuthorizationHeader")


@cases("any", [
    (f"auth_form_{name}", f"Authorization `{text}` is none", text)
    for name, text in (("bearer", "Bearer abc"), ("without_scheme", f"{KEY}:abc"), ("without_colon", f"MNS {KEY}"),
                       ("lower_case", f"mns {KEY}:abc"))], DOCS)
def auth_form(t, text):
    t.refuses(ask(t, authorization=text), 400, "InvalidAuthorizationHeader")


@case("any", "signature version 4 is not known here", OURS)
def auth_version_4(t):
    text = f"MNS4-HMAC-SHA256 Credential={KEY}/20260601/cn-hangzhou/mns/aliyun_v4_request,Signature=00"
    t.refuses(ask(t, authorization=text), 400, "InvalidAuthorizationHeader")


@case("any", "a signature that is no Base64 at all", DOCS)
def auth_garbage(t):
    t.refuses(ask(t, authorization=f"MNS {KEY}:!!!"), 403, "SignatureDoesNotMatch")


@cases("any", [
    ("auth_other_path", "the path is signed", "/queues/other"),
    ("auth_other_query", "the query is signed, parameter case and all", "/queues?WaitSeconds=0"),
    ("auth_without_query", "the query is signed", "/queues")], DOCS)
def auth_resource(t, signs):
    t.refuses(t.call("GET", "/queues?waitseconds=0", signs=signs), 403, "SignatureDoesNotMatch")


@case("any", "the query is signed as it was sent: neither decoded nor sorted", DOCS, SDK_NODE)
def auth_query_as_sent(t):
    queue = t.queue()
    t.refuses(t.receive(queue, "?waitseconds=%30&peekonly=true"), 404, "MessageNotExist")
    path = f"/queues/{queue}/messages?waitseconds="
    t.refuses(t.call("GET", path + "%30", signs=path + "0"), 403, "SignatureDoesNotMatch")


@case("any", "the verb is signed", DOCS)
def auth_verb(t):
    request = t.request("GET", f"/queues/{t.queue()}")
    request.verb = "DELETE"
    wire = t.wire()
    wire.send(request)
    t.refuses(t.common(wire.answer()), 403, "SignatureDoesNotMatch")


@case("any", "Content-Type is signed as it was sent, parameters too", DOCS, SDK_JAVA)
def auth_content_type(t):
    queue = t.queue()
    t.succeeds(t.call("POST", f"/queues/{queue}/messages", SEND, Content_Type="text/xml;charset=UTF-8"), 201)
    t.refuses(t.call("POST", f"/queues/{queue}/messages", SEND, Content_Type=None,
                     unsigned=[("Content-Type", "text/xml")]), 403, "SignatureDoesNotMatch")


@cases("any", [
    ("auth_unknown_header", "unknown `x-mns-` headers are signed", [("x-mns-user-request-id", "42")]),
    ("auth_header_case", "names of signed headers are lower-cased", [("X-Mns-Later", "1"), ("X-MNS-ALSO", "2")]),
    ("auth_header_order", "signed headers are sorted by name", [("x-mns-z", "1"), ("x-mns-a", "2"), ("x-mns-m", "3")]),
    ("auth_header_blanks", "values of signed headers are trimmed", [("x-mns-later", "  a  b  ")]),
    ("auth_header_empty", "a signed header may be empty", [("x-mns-later", "")])], DOCS, SDK_PYTHON)
def auth_signed_header(t, signed):
    t.succeeds(ask(t, signed=signed), 200)


@case("any", "an `x-mns-` header that was not signed", DOCS)
def auth_unsigned_header(t):
    t.refuses(ask(t, unsigned=[("x-mns-later", "1")]), 403, "SignatureDoesNotMatch")


@case("any", "`security-token` is not an `x-mns-` header, hence not signed", SDK_ALL)
def auth_security_token(t):
    t.succeeds(ask(t, unsigned=[("security-token", "CAIS+token/==")]), 200)


@case("any", "other headers are not signed", DOCS)
def auth_other_headers(t):
    t.succeeds(ask(t, unsigned=[("User-Agent", "x"), ("Accept", "*/*"), ("Accept-Encoding", "identity"),
                                ("x-acs-later", "1")]), 200)


@case("any", "a refused request does nothing", DOCS)
def auth_does_nothing(t):
    queue = t.queue()
    t.refuses(t.call("POST", f"/queues/{queue}/messages", SEND, secret="wrong"), 403, "SignatureDoesNotMatch")
    t.equal(t.counts(queue), (0, 0, 0))


# -- dates --

EDGES = [("late", 895, True), ("early", -895, True), ("too_late", 910, False), ("too_early", -910, False)]


@cases("any", [(f"date_{name}", f"a `Date` {skew} s off is {'taken' if good else 'refused'}: 15 minutes", skew, good)
               for name, skew, good in EDGES], DOCS)
def date_skew(t, skew, good):
    answer = ask(t, Date=http_date(skew))
    t.succeeds(answer, 200) if good else t.refuses(answer, 408, "TimeExpired")


@cases("any", [(f"mns_date_{name}", f"`x-mns-date` {skew} s off is {'taken' if good else 'refused'}, beside a `Date` "
                "that is right", skew, good) for name, skew, good in EDGES], DOCS)
def mns_date_skew(t, skew, good):
    answer = ask(t, x_mns_date=http_date(skew))
    t.succeeds(answer, 200) if good else t.refuses(answer, 408, "TimeExpired")


@case("any", "`x-mns-date` replaces `Date`, however old that is", DOCS)
def mns_date_overrides(t):
    t.succeeds(ask(t, x_mns_date=http_date(), Date=http_date(-86400)), 200)


@case("any", "`x-mns-date` alone, without `Date`", DOCS)
def mns_date_alone(t):
    t.succeeds(ask(t, x_mns_date=http_date(), Date=None), 200)


@case("any", "both, and equal, as the SDK for Node sends them", SDK_NODE)
def mns_date_both(t):
    now = http_date()
    t.succeeds(ask(t, x_mns_date=now, Date=now), 200)


@case("any", "neither `Date` nor `x-mns-date`", DOCS)
def date_missing(t):
    t.refuses(ask(t, Date=None), 400, "MissingDateHeader")


@cases("any", [
    (f"date_form_{name}", f"a date that reads `{text}`", text)
    for name, text in (("words", "yesterday"), ("iso", "2026-06-01T12:00:00Z"),
                       ("zone", "Mon, 01 Jun 2026 12:00:00 +0800"), ("empty", ""))], DOCS)
def date_form(t, text):
    t.refuses(ask(t, Date=text), 400, "InvalidDateHeader")


# -- versions --

@case("any", "no `x-mns-version`", SDK_GO, OURS)
def version_missing(t):
    t.refuses(ask(t, x_mns_version=None), 400, "MissingVersionHeader")


@case("any", "another `x-mns-version`", SDK_GO, OURS)
def version_other(t):
    t.refuses(ask(t, x_mns_version="2014-07-08"), 400, "InvalidVersionHeader")


# -- Content-MD5 --

def forms(data):
    raw = hashlib.md5(data).digest()
    low, up = raw.hex(), raw.hex().upper()
    return {"hex": low, "HEX": up, "base64_of_hex": base64.b64encode(low.encode()).decode(),
            "base64_of_HEX": base64.b64encode(up.encode()).decode(), "base64_of_bytes": base64.b64encode(raw).decode()}


RESTS = (SDK_NODE, SDK_PYTHON, SDK_ALI_MNS)


@cases("any", [(f"md5_{form}", f"`Content-MD5` as {form.replace('_', ' ')} of a body", form) for form in forms(b"")],
       *RESTS)
def md5_form(t, form):
    t.succeeds(t.call("POST", f"/queues/{t.queue()}/messages", SEND, Content_MD5=forms(SEND.encode())[form]), 201)


@cases("any", [(f"md5_{form}_empty", f"`Content-MD5` as {form.replace('_', ' ')} of no body", form)
               for form in forms(b"")], *RESTS)
def md5_form_empty(t, form):
    t.succeeds(ask(t, Content_MD5=forms(b"")[form]), 200)


@cases("any", [(f"md5_{form}_wrong", f"`Content-MD5` as {form.replace('_', ' ')} of another body: `InvalidDegist`, "
                "spelled so", form) for form in forms(b"")], DOCS)
def md5_form_wrong(t, form):
    queue = t.queue()
    answer = t.call("POST", f"/queues/{queue}/messages", SEND, Content_MD5=forms(b"another")[form])
    t.refuses(answer, 400, "InvalidDegist")
    t.equal(t.counts(queue), (0, 0, 0))


@cases("any", [
    ("md5_malformed", "a `Content-MD5` that is no digest", "nonsense"),
    ("md5_short", "a `Content-MD5` that is cut short", "1B2M2Y8AsgTpgAmY7PhCf")], DOCS, OURS)
def md5_malformed(t, text):
    t.refuses(t.call("POST", f"/queues/{t.queue()}/messages", SEND, Content_MD5=text), 400, "InvalidDegist")


@case("any", "no `Content-MD5` is fine", SDK_JAVA)
def md5_missing(t):
    t.succeeds(t.call("POST", f"/queues/{t.queue()}/messages", SEND, Content_MD5=None), 201)


@case("any", "`Content-MD5` is signed", DOCS)
def md5_signed(t):
    t.refuses(t.call("POST", f"/queues/{t.queue()}/messages", SEND, Content_MD5=None,
                     unsigned=[("Content-MD5", forms(SEND.encode())["hex"])]), 403, "SignatureDoesNotMatch")


# -- Content-Type --

@cases("any", [
    (f"content_type_{name}", f"a body of `Content-Type: {text}` is taken", text)
    for name, text in (("text", "text/xml"), ("application", "application/xml"), ("charset", "text/xml;charset=utf-8"),
                       ("capitals", "Text/XML; Charset=UTF-8"))], SDK_ALL)
def content_type(t, text):
    t.succeeds(t.call("POST", f"/queues/{t.queue()}/messages", SEND, Content_Type=text), 201)


@cases("any", [
    (f"content_type_{name}", f"a body of `Content-Type: {text}` is refused", text)
    for name, text in (("json", "application/json"), ("form", "application/x-www-form-urlencoded"))], SDK_GO, OURS)
def content_type_other(t, text):
    t.refuses(t.call("POST", f"/queues/{t.queue()}/messages", SEND, Content_Type=text), 400, "InvalidContentType")


@case("any", "a body without `Content-Type` is taken", OURS)
def content_type_missing(t):
    t.succeeds(t.call("POST", f"/queues/{t.queue()}/messages", SEND, Content_Type=None), 201)
