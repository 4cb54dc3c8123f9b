#include "spec/changed.h"

#include <string.h>

#include "json.h"

bool spec_changed(struct bytes canonical_old, struct bytes canonical_new)
{
    if (canonical_old.size_bytes == canonical_new.size_bytes &&
        memcmp(canonical_old.data, canonical_new.data, canonical_old.size_bytes) == 0)
        return false;
    spec_json_prepare();
    json_t *before =
        json_loadb((const char *)canonical_old.data, canonical_old.size_bytes, 0, NULL);
    json_t *after = json_loadb((const char *)canonical_new.data, canonical_new.size_bytes, 0, NULL);
    bool changed = true;
    if (json_is_object(before) && json_is_object(after)) {
        (void)json_object_del(before, "metadata");
        (void)json_object_del(after, "metadata");
        changed = !json_equal(before, after);
    }
    json_decref(before);
    json_decref(after);
    return changed;
}
