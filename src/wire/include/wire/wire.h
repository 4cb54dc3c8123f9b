/* Everything of the wire: the shared rules and the messages generated from proto/. */
#ifndef SHOAL_WIRE_WIRE_H
#define SHOAL_WIRE_WIRE_H

#include "wire/codec.h"
#include "wire/wire_messages.h"

#endif
