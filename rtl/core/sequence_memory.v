// sequence_memory: a block RAM that is written word by word and read strictly in order, as a stream.
//
// restart_i goes back to the first word; from then on valid_o and word_o offer the words, and take_i takes one, a
// word a clock. exhausted_o says that there are no more than the length_o words that were written. The read side is
// a pipeline that moves as a whole: banks of up to 2048 words, a register behind each, two registered levels of
// choice between the banks. So it has no wide path, however deep it is.
//
// clear_i forgets the words and makes the next written one the first.
`default_nettype none

module sequence_memory #(
    parameter integer Width = 9,
    parameter integer Depth = 4096 // words; a power of two
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,

    input  wire                     clear_i,
    input  wire                     write_i, // ignored when full
    input  wire [        Width-1:0] word_i,
    output reg  [  $clog2(Depth):0] length_o,

    input  wire                     restart_i,
    output wire                     valid_o,
    output wire [        Width-1:0] word_o,
    input  wire                     take_i,
    output wire                     exhausted_o
);
  localparam integer AddressWidth = $clog2(Depth);
  localparam integer BankDepth = Depth < 2048 ? Depth : 2048;
  localparam integer Banks = Depth / BankDepth;
  localparam integer BankWidth = $clog2(BankDepth);
  localparam integer Groups = (Banks + 7) / 8; // of eight banks
  localparam integer Slots = 8 * Groups;

  // ---- Writing.
  wire full = length_o[AddressWidth];

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) length_o <= {(AddressWidth + 1) {1'b0}};
    else if (write_i && !full) length_o <= length_o + 1'b1;
  end

  // ---- Reading. Stage 1: address; 2: in the bank; 3: behind the bank; 4: behind eight banks; 5: the word.
  reg [AddressWidth:0] address_q;
  reg [5:2] valid_q;
  wire advance = !valid_q[5] || take_i;
  wire more = address_q != length_o;

  always @(posedge clk_i) begin
    if (!rst_ni || restart_i) begin
      address_q <= {(AddressWidth + 1) {1'b0}};
      valid_q   <= 4'd0;
    end else if (advance) begin
      valid_q <= {valid_q[4:2], more};
      if (more) address_q <= address_q + 1'b1;
    end
  end

  wire [5:0] bank; // of the address
  reg [5:0] bank2_q, bank3_q;
  reg [2:0] group4_q;
  wire [Width*Slots-1:0] banks;
  reg [Width*Groups-1:0] groups_q;
  reg [Width-1:0] word_q;
  wire [Width*8-1:0] padded;

  integer group;
  always @(posedge clk_i) begin
    if (advance) begin
      bank2_q  <= bank;
      bank3_q  <= bank2_q;
      group4_q <= bank3_q[5:3];
      for (group = 0; group < Groups; group = group + 1) begin
        case (bank3_q[2:0])
          3'd0: groups_q[Width*group+:Width] <= banks[Width*(8*group)+:Width];
          3'd1: groups_q[Width*group+:Width] <= banks[Width*(8*group+1)+:Width];
          3'd2: groups_q[Width*group+:Width] <= banks[Width*(8*group+2)+:Width];
          3'd3: groups_q[Width*group+:Width] <= banks[Width*(8*group+3)+:Width];
          3'd4: groups_q[Width*group+:Width] <= banks[Width*(8*group+4)+:Width];
          3'd5: groups_q[Width*group+:Width] <= banks[Width*(8*group+5)+:Width];
          3'd6: groups_q[Width*group+:Width] <= banks[Width*(8*group+6)+:Width];
          default: groups_q[Width*group+:Width] <= banks[Width*(8*group+7)+:Width];
        endcase
      end
      case (group4_q)
        3'd0: word_q <= padded[0+:Width];
        3'd1: word_q <= padded[Width+:Width];
        3'd2: word_q <= padded[2*Width+:Width];
        3'd3: word_q <= padded[3*Width+:Width];
        3'd4: word_q <= padded[4*Width+:Width];
        3'd5: word_q <= padded[5*Width+:Width];
        3'd6: word_q <= padded[6*Width+:Width];
        default: word_q <= padded[7*Width+:Width];
      endcase
    end
  end

  genvar slot;
  generate
    if (Banks == 1) begin : g_one_bank
      assign bank = 6'd0;
    end else begin : g_banks
      assign bank = {{(6 - $clog2(Banks)) {1'b0}}, address_q[AddressWidth-1:BankWidth]};
    end
    if (Groups == 8) begin : g_all_groups
      assign padded = groups_q;
    end else begin : g_some_groups
      assign padded = {{(Width * (8 - Groups)) {1'b0}}, groups_q};
    end
    for (slot = 0; slot < Slots; slot = slot + 1) begin : g_slot
      if (slot < Banks) begin : g_bank
        wire write_here;
        if (Banks == 1) begin : g_only
          assign write_here = write_i && !full;
        end else begin : g_choice
          assign write_here = write_i && !full && length_o[AddressWidth-1:BankWidth] == slot;
        end
        (* no_rw_check *) reg [Width-1:0] words_q[0:BankDepth-1];
        reg [Width-1:0] read_q, behind_q;
        always @(posedge clk_i) begin
          if (write_here) words_q[length_o[BankWidth-1:0]] <= word_i;
          if (advance) begin
            read_q   <= words_q[address_q[BankWidth-1:0]];
            behind_q <= read_q;
          end
        end
        assign banks[Width*slot+:Width] = behind_q;
      end else begin : g_none
        assign banks[Width*slot+:Width] = {Width{1'b0}};
      end
    end

    if (Depth < 64 || Depth > 131072 || (Depth & (Depth - 1)) != 0) begin : g_depth
      sequence_memory_refuses_depth_other_than_powers_of_two_64_to_131072 refused ();
    end
  endgenerate

  assign valid_o = valid_q[5];
  assign word_o = word_q;
  assign exhausted_o = !more && valid_q == 4'd0;
endmodule

`default_nettype wire
