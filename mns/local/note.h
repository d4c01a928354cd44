/* note.h - messages to mail and SMS endpoints.
 *
 * The service would send them; here they can be read at /local/mail and /local/sms.  How one is to
 * be sent stands in the publish, as JSON inside of XML:
 *
 *     <MessageAttributes>
 *       <DirectMail>{"AccountName":"…","Subject":"…","AddressType":0,"IsHtml":0}</DirectMail>
 *       <DirectSMS>{"FreeSignName":"…","TemplateCode":"…","Type":"singleContent",…}</DirectSMS>
 *     </MessageAttributes>
 */
#ifndef LOCAL_NOTE_H
#define LOCAL_NOTE_H

#include "envelope.h"
#include "xml_in.h"

/** What a publish says of its mails and short messages; NULL: nothing. */
typedef struct note_attributes {
    struct cJSON *mail, *sms;
} note_attributes_t;

/** Reads and judges the attributes of a Message element.  @param why  receives what is wrong;
 *  static.  @return false: they are malformed. */
bool note_attributes_read(note_attributes_t *out, const xml_node_t *message, const char **why);
void note_attributes_fini(note_attributes_t *attributes);

/** The message as a JSON object; free() it.  NULL: no memory. */
char *note_write(const subscription_t *subscription, const notification_t *n,
                 const note_attributes_t *attributes);

/** Is there anybody to send it to?  An anonymous SMS endpoint leaves that to the message. */
bool note_has_receiver(const subscription_t *subscription, const note_attributes_t *attributes);

#endif
