"""XML as clients write it, and what is refused; XML as it goes out."""

import time

from suite import (DOCS, OURS, RECEIVED, SDK_ALI_MNS, SDK_GO, SDK_JAVA, SDK_NODE, SDK_PHP, SDK_PYTHON, SEEN, XML, case,
                   cases)

BODY = "<MessageBody>x</MessageBody>"
NAMESPACE = "http://mns.aliyuncs.com/doc/v1"


def post(t, queue, text):
    return t.call("POST", f"/queues/{queue}/messages", text)


@cases("SendMessage", [
    ("xml_namespace_slash", "the namespace with a final slash", f'<Message xmlns="{NAMESPACE}/">{BODY}</Message>'),
    ("xml_namespace_slashless", "the namespace without a final slash",
     f'<Message xmlns="{NAMESPACE}">{BODY}</Message>'),
    ("xml_namespace_none", "no namespace, no prolog", f"<Message>{BODY}</Message>"),
    ("xml_namespace_other", "another namespace", f'<Message xmlns="urn:x">{BODY}</Message>'),
    ("xml_namespace_prefixed", "a prefixed namespace",
     f'<m:Message xmlns:m="{NAMESPACE}/"><m:MessageBody>x</m:MessageBody></m:Message>'),
    ("xml_prolog", "a prolog", f'<?xml version="1.0" encoding="UTF-8"?><Message>{BODY}</Message>'),
    ("xml_prolog_lower", "an encoding in lower case",
     f'<?xml version="1.0" encoding="utf-8"?><Message>{BODY}</Message>'),
    ("xml_prolog_standalone", "a prolog with `standalone`",
     f'<?xml version="1.0" encoding="UTF-8" standalone="no"?><Message>{BODY}</Message>'),
    ("xml_indented", "line ends and indentation", f'<?xml version="1.0"?>\n<Message>\n  {BODY}\n</Message>\n'),
    ("xml_byte_order_mark", "a byte order mark", f"\ufeff<Message>{BODY}</Message>"),
    ("xml_comments", "comments and processing instructions", f"<!-- a --><Message><?x y?>{BODY}<!-- b --></Message>"),
    ("xml_attributes", "attributes are ignored", f'<Message a="1"><MessageBody b="2">x</MessageBody></Message>'),
    ("xml_child_order", "children in any order",
     f"<Message><Priority>3</Priority>{BODY}<DelaySeconds>0</DelaySeconds></Message>"),
    ("xml_unknown_children", "unknown children are ignored",
     f"<Message><Later><MessageBody>no</MessageBody></Later>{BODY}<Also/></Message>"),
    ("xml_cdata", "CDATA", "<Message><MessageBody><![CDATA[x]]></MessageBody></Message>"),
    ("xml_utf16", "UTF-16 with its mark, as every parser reads it", f"<Message>{BODY}</Message>".encode("utf-16")),
    ("xml_references", "references to characters", "<Message><MessageBody>&#120;</MessageBody></Message>")],
       XML, SDK_NODE, SDK_ALI_MNS, SDK_JAVA, SDK_GO)
def xml_taken(t, text):
    queue = t.queue()
    t.succeeds(post(t, queue, text), 201)
    t.equal(t.receive(queue).find("MessageBody"), "x")


@cases("SendMessage", [
    ("xml_cdata_pieces", "CDATA and text together are one text",
     "<MessageBody>a<![CDATA[<&>]]>b&amp;<![CDATA[]]]]></MessageBody>", "a<&>b&]]"),
    ("xml_entities_of_xml", "the five entities of XML itself",
     "<MessageBody>&lt;&gt;&amp;&quot;&apos;</MessageBody>", "<>&\"'"),
    ("xml_line_ends", "CR LF sent plainly is LF, as XML has it", "<MessageBody>a\r\nb\rc</MessageBody>", "a\nb\nc"),
    ("xml_comment_within", "a comment within a text is no part of it", "<MessageBody>a<!-- -->b</MessageBody>", "ab")],
       XML)
def xml_text(t, inner, wanted):
    queue = t.queue()
    t.succeeds(post(t, queue, f"<Message>{inner}</Message>"), 201)
    t.equal(t.receive(queue).find("MessageBody"), wanted)


@cases("SendMessage", [
    (f"xml_{name}", f"{what}: `MalformedXML`", text) for name, what, text in (
        ("empty", "no body at all", ""),
        ("text", "text that is no XML", "hello"),
        ("json", "JSON", '{"MessageBody":"x"}'),
        ("cut", "a document that ends too early", f"<Message>{BODY}"),
        ("mismatch", "a tag that closes another", f"<Message>{BODY}</Massage>"),
        ("after_root", "something after the root", f"<Message>{BODY}</Message><Message/>"),
        ("other_root", "another root", f"<Queue>{BODY}</Queue>"),
        ("prefix_alone", "a prefix without a name", f"<Message>{BODY}<m:/></Message>"),
        ("root_case", "a root in another case", f"<message>{BODY}</message>"),
        ("ampersand", "a bare `&`, which the SDK for Node sends",
         "<Message><MessageBody>a & b</MessageBody></Message>"),
        ("less", "a bare `<`, which the SDK for Node sends", "<Message><MessageBody>a < b</MessageBody></Message>"),
        ("zero", "a reference to U+0000", "<Message><MessageBody>&#0;</MessageBody></Message>"),
        ("control", "a control character", "<Message><MessageBody>\x01</MessageBody></Message>"),
        ("surrogate", "a reference to a surrogate", "<Message><MessageBody>&#xD800;</MessageBody></Message>"),
        ("not_utf8", "bytes that are not UTF-8", b"<Message><MessageBody>\xff\xfe</MessageBody></Message>"),
        ("overlong", "UTF-8 longer than needed", b"<Message><MessageBody>\xc0\xbc</MessageBody></Message>"),
        ("unknown_entity", "an entity that nobody declared", "<Message><MessageBody>&nbsp;</MessageBody></Message>"))],
       DOCS, XML)
def xml_refused(t, text):
    queue = t.queue()
    t.refuses(post(t, queue, text), 400, "MalformedXML")
    t.equal(t.counts(queue), (0, 0, 0))


@cases("SendMessage", [
    (f"xml_{name}", f"{what}: `MalformedXML`", text) for name, what, text in (
        ("doctype", "a document type", f"<!DOCTYPE Message><Message>{BODY}</Message>"),
        ("entity", "an entity that the document declares",
         '<!DOCTYPE Message [<!ENTITY x "y">]><Message><MessageBody>&x;</MessageBody></Message>'),
        ("external_entity", "an entity that names a file",
         '<!DOCTYPE Message [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
         '<Message><MessageBody>&x;</MessageBody></Message>'),
        ("deep", "elements nested a thousand deep", "<Message>" + "<a>" * 1000 + "</a>" * 1000 + BODY + "</Message>"),
        ("many", "ten thousand elements", "<Message>" + "<a/>" * 10000 + BODY + "</Message>"))], OURS)
def xml_hostile(t, text):
    t.refuses(post(t, t.queue(), text), 400, "MalformedXML")


@case("SendMessage", "entities that would multiply to gigabytes are refused at once", OURS)
def xml_laughs(t):
    lines = ['<!ENTITY l0 "ha">'] + [f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12)]
    start = time.monotonic()
    text = f"<!DOCTYPE Message [{''.join(lines)}]><Message><MessageBody>&l11;</MessageBody></Message>"
    t.refuses(post(t, t.queue(), text), 400, "MalformedXML")
    assert time.monotonic() - start < 5


@cases("any", [
    (f"xml_malformed_{name}", f"malformed XML in {operation}", verb, path) for name, operation, verb, path in (
        ("queue", "CreateQueue", "PUT", "/queues/{}"),
        ("set_queue", "SetQueueAttributes", "PUT", "/queues/{}?metaoverride=true"),
        ("topic", "CreateTopic", "PUT", "/topics/{}"),
        ("batch_delete", "BatchDeleteMessage", "DELETE", "/queues/{}/messages"))],
       DOCS)
def xml_malformed_in(t, verb, path):
    t.refuses(t.call(verb, path.format(t.queue()), "<Queue><"), 400, "MalformedXML")


@cases("any", [
    ("xml_malformed_publish", "malformed XML in PublishMessage", "POST", "/topics/{}/messages"),
    ("xml_malformed_subscribe", "malformed XML in Subscribe", "PUT", "/topics/{}/subscriptions/s")], DOCS)
def xml_malformed_in_topic(t, verb, path):
    t.refuses(t.call(verb, path.format(t.topic()), "<Message><"), 400, "MalformedXML")


# -- out --

@case("any", "answers begin `<?xml version=\"1.0\" ?>`; the namespace is slashless, on the root alone, without prefix",
      SEEN, SDK_JAVA, SDK_PHP, SDK_PYTHON)
def xml_out_root(t):
    queue = t.queue()
    start = '<?xml version="1.0" ?>\n<Queue xmlns="http://mns.aliyuncs.com/doc/v1">'
    answer = t.call("GET", f"/queues/{queue}")
    t.equal(answer.text[:len(start)], start)
    t.equal(answer.text.count("xmlns"), 1)


@case("any", "errors carry the slashless namespace, without which one client loses their code", SDK_JAVA)
def xml_out_error_root(t):
    start = '<?xml version="1.0" ?>\n<Error xmlns="http://mns.aliyuncs.com/doc/v1">'
    t.equal(t.call("GET", f"/queues/{t.name()}").text[:len(start)], start)


@case("ReceiveMessage", "answers escape `&`, `<`, `>` and hold no CDATA", SDK_PHP)
def xml_out_escapes(t):
    queue = t.queue()
    t.succeeds(post(t, queue, "<Message><MessageBody><![CDATA[<&>]]></MessageBody></Message>"), 201)
    answer = t.shape(t.receive(queue), 200, "Message", RECEIVED)
    assert "<MessageBody>&lt;&amp;&gt;</MessageBody>" in answer.text, answer.text


@case("any", "booleans are `True` and `False`", SEEN, SDK_PHP)
def xml_out_booleans(t):
    assert "<LoggingEnabled>True</LoggingEnabled>" in t.call("GET", f"/queues/{t.queue(LoggingEnabled='true')}").text
