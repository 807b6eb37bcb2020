//! Words without a topic: their coming and going changes nothing that an answer could depend on.
//!
//! Prepositions with a direction (`from`, `by`, `until`), modal verbs and pronouns of persons are not among them: they
//! change who did what, and whether.

pub(super) const ENGLISH: &str = "a an the this that these those is are was were be been being am has have had having \
    do does did of in on at to for with as it its which and also so very just then there";

pub(super) const GERMAN: &str = "der die das den dem des ein eine einen einem einer eines dieser diese dieses diesen diesem \
    ist sind war waren sei sein gewesen hat haben hatte hatten wird werden wurde wurden worden und auch so sehr zu zum zur \
    im in am an auf für mit als es dass";

pub(super) const FRENCH: &str = "le la les un une des du de l d ce cet cette ces est sont était étaient être été a ont avait \
    avaient avoir et aussi si très à au aux en dans sur pour avec comme que qui il y";

pub(super) const SPANISH: &str = "el la los las lo un una unos unas este esta estos estas es son era eran fue fueron ser sido \
    está están estaba ha han había habían haber y e también muy a al de del en para con como que se su sus";

/// What pages put around a text. A line made of little else, without a number or a name, is not part of the text.
pub(super) const FURNITURE: &str = "share article print page subscribe newsletter read more reading continue click here sign \
    up log login register comment comments follow us facebook twitter instagram linkedin youtube whatsapp email advertisement \
    advertisements related articles copyright rights reserved all cookie cookies policy privacy terms conditions use service \
    home back top menu search next previous skip content main loading this your the our on by with friends and to of \
    story stories link copy save download app browser javascript enable accept settings manage preferences \
    artikel teilen drucken seite abonnieren weiterlesen kommentare kommentar datenschutz impressum alle rechte vorbehalten \
    anzeige startseite zurück nach oben anmelden registrieren diesen der die und folgen sie uns \
    partager imprimer abonner lire suite commentaires tous droits réservés mentions légales confidentialité publicité accueil \
    cet cette et les vos la \
    compartir imprimir suscribirse leer comentarios todos los derechos reservados política privacidad publicidad inicio este \
    artículo";
