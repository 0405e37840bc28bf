<?php
// A receiver in PHP 8: php -S 127.0.0.1:9105 receiver.php, with the secret in CALLBOX_SECRET.

// `$secret` is the destination's whsec_… text, `$body` the bytes as they arrived.
function is_from_callbox(string $secret, array $server, string $body): bool
{
    $stamp = $server['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (!preg_match('/^\d{1,12}$/', $stamp) || abs(time() - (int) $stamp) > 300) {
        return false;
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    $signed = ($server['HTTP_WEBHOOK_ID'] ?? '') . '.' . $stamp . '.' . $body;
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $key, true));
    foreach (explode(' ', $server['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) {
        if (hash_equals($wanted, $given)) {
            return true;
        }
    }
    return false;
}

// Until it is judged it is refused, and so it is if anything goes wrong.
http_response_code(401);
$good = is_from_callbox(getenv('CALLBOX_SECRET'), $_SERVER, file_get_contents('php://input'));
// Keep the event here, once for each webhook-id, and answer 2xx only when it is kept.
http_response_code($good ? 200 : 401);
