/* property.h - what travels beside a message's body: UserProperties and SystemProperties.
 *
 *     <UserProperties>
 *       <PropertyValue><Name>n</Name><Value>v</Value><Type>STRING</Type></PropertyValue> …
 *     </UserProperties>
 *
 * They are checked when they come, kept as the XML that goes out again, and never looked into. */
#ifndef LOCAL_PROPERTY_H
#define LOCAL_PROPERTY_H

#include "base/buf.h"
#include "xml_in.h"

enum { PROPERTIES_MAX = 50, PROPERTY_NAME_MAX = 256, PROPERTY_VALUE_MAX = 4096 };

/** Judges the properties of a Message element.  @param why  receives what is wrong; static.
 *  @return false: they are malformed or too many. */
bool properties_check(const xml_node_t *message, const char **why);

/** Appends those of a message that passed the check, as XML; nothing when there are none.  No
 *  memory shows in out->failed. */
void properties_write(sl_buf_t *out, const xml_node_t *message);

#endif
