#include "xml_in_impl.h"
#include "xml_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static xml_doc_t *doc;

static int make_doc(void **state)
{
    (void)state;
    return xml_doc_create(&doc) == SL_OK ? 0 : -1;
}

static int free_doc(void **state)
{
    (void)state;
    xml_doc_destroy(&doc);
    return 0;
}

static const xml_node_t *parsed(const char *text)
{
    const xml_node_t *root;
    assert_int_equal(xml_parse(doc, text, strlen(text), &root), SL_OK);
    return root;
}

static sl_err refused(const char *text)
{
    const xml_node_t *root;
    return xml_parse(doc, text, strlen(text), &root);
}

static void names_are_local_names(void **state)
{
    (void)state;
    const xml_node_t *root = parsed("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                    "<m:Queue xmlns:m=\"x\" a=\"b\">\n <m:Delay> 5 </m:Delay>\n"
                                    " <Other/>\n</m:Queue>\n");
    assert_string_equal(root->name, "Queue");
    assert_string_equal(root->text, "");
    assert_string_equal(xml_child(root, "Delay")->text, " 5 ");
    assert_string_equal(xml_child(root, "Other")->text, "");
    assert_null(xml_child(root, "delay"));
    assert_null(xml_child(root, "Missing"));
}

static void text_comes_whole_whatever_it_is_made_of(void **state)
{
    (void)state;
    const xml_node_t *root =
        parsed("<M><B>a&amp;&lt;b&gt;<![CDATA[<c>&]]>&#x44;&#13;<!-- no -->\xc3"
               "\xa9</B></M>");
    const xml_node_t *body = xml_child(root, "B");
    assert_string_equal(body->text, "a&<b><c>&D\r\xc3\xa9");
    assert_int_equal(body->text_len, 13);
}

static void repeated_children_are_a_list(void **state)
{
    (void)state;
    const xml_node_t *root = parsed("<L><H>1</H><H>2</H><x><H>no</H></x><H>3</H></L>");
    const char *const wanted[] = {"1", "2", "", "3"};
    size_t count = 0;
    for (const xml_node_t *node = root->child; node != NULL; node = node->next)
        assert_string_equal(node->text, wanted[count++]);
    assert_int_equal(count, 4);
    assert_string_equal(xml_child(xml_child(root, "x"), "H")->text, "no");
}

static void what_is_not_well_formed_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        " ",
        "text",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>a & b</a>",
        "<a>\xff</a>",
        "<a>\xed\xa0\x80</a>",
        "<a>&nosuch;</a>",
        "<a>&#0;</a>",
        "<a>\x01</a>",
        "<a b></a>",
        "<a:></a:>",
        "\xff\xfe<\0a\0/\0>\0",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_int_equal(refused(broken[i]), SL_EPROTO);
    assert_string_equal(parsed("<fine/>")->name, "fine"); /* and the doc is good after it */
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    const char text[] = "<?xml version=\"1.0\"?><M a=\"1\"><B>x&amp;y</B><!-- c --></M>";
    const xml_node_t *root;
    for (size_t cut = 0; cut + 1 < sizeof text; cut++)
        assert_int_equal(xml_parse(doc, text, cut, &root), SL_EPROTO);
    assert_int_equal(xml_parse(doc, text, sizeof text - 1, &root), SL_OK);
}

static void document_types_and_so_entities_are_refused(void **state)
{
    (void)state;
    assert_int_equal(refused("<!DOCTYPE a><a/>"), SL_EPROTO);
    assert_int_equal(refused("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"), SL_EPROTO);
    assert_int_equal(refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), SL_EPROTO);
}

static void depth_and_number_are_bounded(void **state)
{
    (void)state;
    sl_buf_t text = SL_BUF_INIT;
    const xml_node_t *root;
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        sl_buf_append_str(&text, "<a>");
    assert_int_equal(xml_parse(doc, text.data, text.len, &root), SL_EPROTO); /* not closed */
    sl_buf_append_str(&text, "<a/>");
    assert_int_equal(xml_parse(doc, text.data, text.len, &root), SL_ELIMIT);
    sl_buf_clear(&text);
    sl_buf_append_str(&text, "<a>");
    for (int i = 1; i < XML_NODES_MAX; i++)
        sl_buf_append_str(&text, "<b/>");
    sl_buf_append_str(&text, "</a>");
    assert_int_equal(xml_parse(doc, text.data, text.len, &root), SL_OK);
    text.len -= 4;
    sl_buf_append_str(&text, "<b/></a>");
    assert_int_equal(xml_parse(doc, text.data, text.len, &root), SL_ELIMIT);
    sl_buf_fini(&text);
}

static void what_xml_out_writes_is_read_back(void **state)
{
    (void)state;
    static const char text[] = "a<b>&\"'\r\n\t]]>\xe4\xb8\xad";
    sl_buf_t out = SL_BUF_INIT;
    const xml_node_t *root;
    xml_root(&out, "Root");
    xml_text(&out, "Text", text);
    xml_u64(&out, "Most", UINT64_MAX);
    xml_u64(&out, "Zero", 0);
    xml_bool(&out, "Yes", true);
    xml_close(&out, "Root");
    assert_int_equal(xml_parse(doc, out.data, out.len, &root), SL_OK);
    assert_string_equal(xml_child(root, "Text")->text, text);
    assert_string_equal(xml_child(root, "Most")->text, "18446744073709551615");
    assert_string_equal(xml_child(root, "Zero")->text, "0");
    assert_string_equal(xml_child(root, "Yes")->text, "True");
    sl_buf_fini(&out);
}

/* -- the plain kind and any kind ----------------------------------------------------------- */

/* What a tree is, as text. */
static void write_tree(sl_buf_t *out, const xml_node_t *node)
{
    for (; node != NULL; node = node->next) {
        sl_buf_printf(out, "(%s %zu \"%.*s\"", node->name, node->text_len, (int)node->text_len,
                      node->text);
        write_tree(out, node->child);
        sl_buf_append_byte(out, ')');
    }
}

static const char *const plain[] = {
    "<a></a>",
    "<?xml version=\"1.0\"?><a>text</a>\n",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n <Queue xmlns=\"http://mns.aliyuncs.com/doc/v1/\">"
    "<DelaySeconds>5</DelaySeconds>\n</Queue>",
    "<Messages><Message>\n<MessageBody>{\"Category\":\"Job\",\"a\":[1,[2]],\"b\":\">\"}"
    "</MessageBody><Priority>8</Priority></Message>\t<Message><MessageBody>]] ></MessageBody>"
    "</Message></Messages>",
    "<ReceiptHandles><ReceiptHandle>00000001-0000000000000002-00000001-89ABCDEF</ReceiptHandle>"
    "</ReceiptHandles>",
    "<a>before<b>in</b>between<c></c>after</a>",
};

static void plain_xml_needs_no_expat(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        assert_true(xml_parse_plain(doc, plain[i], strlen(plain[i])));
    static const char *const other[] = {"<a/>",
                                        "<a>&amp;</a>",
                                        "<a>\r</a>",
                                        "<a>\xc3\xa4</a>",
                                        "<x:a></x:a>",
                                        "<a><!-- --></a>",
                                        "<a>]]></a>",
                                        "<a b=\"c\"></a>",
                                        "<a></b>",
                                        "<a></a><a></a>",
                                        "<a>",
                                        "",
                                        "<?xml version=\"1.1\"?><a></a>"};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_false(xml_parse_plain(doc, other[i], strlen(other[i])));
}

/* Whatever the plain parser takes, expat takes, and it means the same. */
static void check_agreement(xml_doc_t *by_expat, const char *text, size_t len, size_t *agreed)
{
    const xml_node_t *root;
    sl_buf_t one = SL_BUF_INIT, other = SL_BUF_INIT;
    if (!xml_parse_plain(doc, text, len))
        return;
    ++*agreed;
    assert_int_equal(xml_parse(doc, text, len, &root), SL_OK);
    write_tree(&one, root);
    if (xml_parse_any(by_expat, text, len, &root) != SL_OK)
        fail_msg("expat refuses: %.*s", (int)len, text);
    write_tree(&other, root);
    assert_int_equal(one.len, other.len);
    assert_memory_equal(one.data, other.data, one.len);
    sl_buf_fini(&one);
    sl_buf_fini(&other);
}

static void the_two_parsers_agree(void **state)
{
    (void)state;
    enum { ROUNDS = 200000, MOST = 512 };
    static const char pieces[] = "<>/&;]['\"= \n\t\r!?-:xmlnsaAb1\x01\x7f\xc3\xa4";
    xml_doc_t *by_expat;
    size_t agreed = 0;
    assert_int_equal(xml_doc_create(&by_expat), SL_OK);
    srand(7);
    for (size_t round = 0; round < ROUNDS; round++) {
        char text[MOST];
        const char *from = plain[round % (sizeof plain / sizeof plain[0])];
        size_t len = strlen(from);
        memcpy(text, from, len);
        for (int change = rand() % 4; change >= 0 && len > 0; change--) {
            size_t at = (size_t)rand() % len;
            char piece = pieces[(size_t)rand() % (sizeof pieces - 1)];
            if (rand() % 3 == 0) {
                memmove(text + at, text + at + 1, --len - at);
            } else if (rand() % 2 == 0 && len + 1 < MOST) {
                memmove(text + at + 1, text + at, len++ - at);
                text[at] = piece;
            } else {
                text[at] = piece;
            }
        }
        check_agreement(by_expat, text, len, &agreed);
    }
    assert_in_range(agreed, ROUNDS / 50, ROUNDS);
    xml_doc_destroy(&by_expat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_local_names),
        cmocka_unit_test(text_comes_whole_whatever_it_is_made_of),
        cmocka_unit_test(repeated_children_are_a_list),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(document_types_and_so_entities_are_refused),
        cmocka_unit_test(depth_and_number_are_bounded),
        cmocka_unit_test(what_xml_out_writes_is_read_back),
        cmocka_unit_test(plain_xml_needs_no_expat),
        cmocka_unit_test(the_two_parsers_agree),
    };
    return cmocka_run_group_tests(tests, make_doc, free_doc);
}
